"""Run directories of `mapcoder run`, as /api shows them: what `mapcoder report` says.

Knows: which folders are runs.
Does not know: HTTP, how numbers are made.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import JsonValue

from mapcoder_lite.errors import StoreError
from mapcoder_lite.evaluation.metrics import measure
from mapcoder_lite.evaluation.standings import comparison
from mapcoder_lite.evaluation.systems import open_systems
from mapcoder_lite.jsonl import read_lines, read_record
from mapcoder_lite.server.bodies import Evaluation
from mapcoder_lite.server.faults import NotFound
from mapcoder_lite.statistics import has_statistics
from mapcoder_lite.store import RunHeader, RunProblem


def listed(folder: str) -> Iterator[Evaluation]:
    """Yield every run of a folder; one that cannot be read with the reason."""
    for path in _runs(folder):
        try:
            header = read_record(path / "config.json", RunHeader)
            num_problems = sum(1 for _ in read_lines(path / "problems.jsonl", RunProblem))
        except StoreError as error:
            yield Evaluation(
                name=path.name,
                engine=None,
                num_problems=0,
                num_samples=0,
                is_finished=False,
                fault=str(error),
            )
            continue
        yield Evaluation(
            name=path.name,
            engine=header.engine_identity,
            num_problems=num_problems,
            num_samples=header.config.run.samples,
            is_finished=(path / "manifest.json").exists(),
        )


def measured(folder: str, name: str) -> JsonValue:
    """Return a run's metrics.

    Raises:
        NotFound: there is no such run.
        SandboxError: its judge failed its self-test or was never examined.
    """
    metrics = measure(_run(folder, name), has_intervals=has_statistics())
    return metrics.model_dump(mode="json")


def compared(folder: str, first: str, second: str) -> JsonValue:
    """Return two runs paired by problem.

    Raises:
        NotFound: there is no such run.
        SandboxError: a judge failed its self-test or was never examined.
    """
    names = [str(_run(folder, first)), str(_run(folder, second))]
    return comparison(*open_systems(names)).model_dump(mode="json")


def _runs(folder: str) -> list[Path]:
    root = Path(folder)
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if (path / "config.json").is_file())


def _run(folder: str, name: str) -> Path:
    """Return a run by its name, which is compared, never joined to a path."""
    for path in _runs(folder):
        if path.name == name:
            return path
    raise NotFound(f"no run {name[:100]!r} in {folder}; GET /api/evaluations lists them")
