"""What the first sight of a page is made of: metrics, comparisons, settings, curation's funnel.

Knows: metrics and comparisons as records, what lies in a run's folder beside its results.
Does not know: how numbers are made or drawn, trajectories.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ConfigDict

from mapcoder_lite.evaluation.compare import Duel
from mapcoder_lite.evaluation.metrics import Metrics
from mapcoder_lite.evaluation.page.packing import Packed
from mapcoder_lite.evaluation.page.redaction import redacted
from mapcoder_lite.evaluation.run_files import RunFiles
from mapcoder_lite.examination import rules_of
from mapcoder_lite.jsonl import read_record
from mapcoder_lite.problem import Record
from mapcoder_lite.verdict import JUDGE_VERSION


class AuditStage(Record):
    """A stage of an audit's funnel, as far as the page draws it."""

    model_config = ConfigDict(extra="ignore")

    name: str
    unit: str
    count: int


class AuditFunnel(Record):
    """The stages of an audit."""

    stages: tuple[AuditStage, ...]


class AuditFile(Record):
    """audit.json, of which the page draws the funnel alone."""

    model_config = ConfigDict(extra="ignore")

    dataset: str
    funnel: AuditFunnel


def overview(runs: Sequence[RunFiles], metrics: Sequence[Metrics], duels: Sequence[Duel]) -> Packed:
    """Return everything that the page says of whole runs.

    Raises:
        StoreError: a run's audit.json is damaged.
    """
    places = {str(run.path): place for place, run in enumerate(runs)}
    return {
        "written": datetime.now(UTC).isoformat(timespec="minutes"),
        "runs": [
            _run(name, run, numbers)
            for name, run, numbers in zip(_names(runs), runs, metrics, strict=True)
        ],
        "comparisons": [
            _comparison(duel, places)
            for duel in duels
            if duel.first in places and duel.second in places
        ],
    }


def _names(runs: Sequence[RunFiles]) -> list[str]:
    """A name a run; runs of one name are told apart by their folders."""
    paths = [run.path.resolve() for run in runs]
    names = [path.name for path in paths]
    return [
        f"{path.parent.name}/{path.name}" if names.count(path.name) > 1 else path.name
        for path in paths
    ]


def _run(name: str, run: RunFiles, metrics: Metrics) -> Packed:
    rules = metrics.examination.judge_version
    return {
        "name": redacted(name),
        "metrics": metrics.model_dump(mode="json") | {"engine": redacted(metrics.engine)},
        "rules": "" if rules == JUDGE_VERSION else rules_of(rules),
        "settings": redacted(run.header.config.model_dump_json(exclude_defaults=True, indent=2)),
        "version": run.header.version,
        "commit": run.header.commit,
        "funnel": _funnel(run.path / "audit.json"),
    }


def _funnel(path: Path) -> Packed | None:
    if not path.exists():
        return None
    audit = read_record(path, AuditFile)
    stages = [stage.model_dump() for stage in audit.funnel.stages]
    return {"dataset": redacted(audit.dataset), "stages": stages}


def _comparison(duel: Duel, places: dict[str, int]) -> Packed:
    changed = [f"{one.key}: {one.first} -> {one.second}" for one in duel.settings]
    return duel.model_dump(mode="json") | {
        "first": places[duel.first],
        "second": places[duel.second],
        "settings": [redacted(line) for line in changed],
    }
