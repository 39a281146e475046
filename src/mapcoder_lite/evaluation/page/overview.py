"""What the first sight of a page is made of: metrics, failures, confidences, systems and tests.

Knows: numbers as records, what lies in a run's folder beside its results.
Does not know: how numbers are made or drawn, trajectories.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ConfigDict

from mapcoder_lite.evaluation.attribution import AttributionTable, is_current
from mapcoder_lite.evaluation.compare import Difference, Duel
from mapcoder_lite.evaluation.compare_report import standings_blocks, written_p
from mapcoder_lite.evaluation.diagnosis import MEANINGS
from mapcoder_lite.evaluation.metrics import Metrics
from mapcoder_lite.evaluation.page.contents import RunOnDisk
from mapcoder_lite.evaluation.page.packing import Packed
from mapcoder_lite.evaluation.page.redaction import redacted_within
from mapcoder_lite.evaluation.run_files import RunFiles
from mapcoder_lite.evaluation.standings import Standings
from mapcoder_lite.examination import rules_of
from mapcoder_lite.jsonl import read_record
from mapcoder_lite.problem import Record
from mapcoder_lite.statistics import has_statistics
from mapcoder_lite.tables import Block
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


def overview(
    runs: Sequence[RunOnDisk], metrics: Sequence[Metrics], standings: Standings | None
) -> Packed:
    """Return everything that the page says of whole runs, every attempt of which was read.

    Of systems it says what `mapcoder report` prints of the same standings.

    Raises:
        StoreError: a run's audit.json or attribution.json is damaged.
    """
    files = [run.files for run in runs]
    names = _names(files)
    told = {
        "written": datetime.now(UTC).isoformat(timespec="minutes"),
        "runs": [_run(*one) for one in zip(names, runs, metrics, strict=True)],
        "systems": None if standings is None else _systems(standings),
        "marks": {mark.value: list(meaning) for mark, meaning in MEANINGS.items()},
    }
    return redacted_within(told)


def _names(runs: Sequence[RunFiles]) -> list[str]:
    """A name a run; runs of one name are told apart by their folders."""
    paths = [run.path.resolve() for run in runs]
    names = [path.name for path in paths]
    return [
        f"{path.parent.name}/{path.name}" if names.count(path.name) > 1 else path.name
        for path in paths
    ]


def _run(name: str, run: RunOnDisk, metrics: Metrics) -> Packed:
    files, rules = run.files, metrics.examination.judge_version
    return {
        "name": name,
        "metrics": metrics.model_dump(mode="json", exclude={"failures", "calibration"}),
        "rules": "" if rules == JUDGE_VERSION else rules_of(rules),
        "settings": files.header.config.model_dump_json(exclude_defaults=True, indent=2),
        "version": files.header.version,
        "commit": files.header.commit,
        **(_findings(run) if files.is_graded else {"failures": None, "calibration": None}),
        "attribution": _attribution(files),
        "funnel": _funnel(files.path / "audit.json"),
    }


def _findings(run: RunOnDisk) -> Packed:
    found = run.findings.result(has_intervals=has_statistics())
    return {
        "failures": found.failures.model_dump(mode="json"),
        "calibration": found.calibration.model_dump(mode="json"),
    }


def _attribution(run: RunFiles) -> Packed | None:
    """What `mapcoder attribute` found, and whether it speaks of the run as it is now."""
    if not (run.path / "attribution.json").exists() or not run.window.is_open:
        return None
    table = read_record(run.path / "attribution.json", AttributionTable)
    return table.model_dump(mode="json", exclude={"run"}) | {"isCurrent": is_current(table, run)}


def _funnel(path: Path) -> Packed | None:
    if not path.exists():
        return None
    audit = read_record(path, AuditFile)
    stages = [stage.model_dump() for stage in audit.funnel.stages]
    return {"dataset": audit.dataset, "stages": stages}


def _systems(found: Standings) -> Packed:
    """The systems, in the order of their runs, and what a terminal says of them."""
    return {
        "against": found.against,
        "names": [row.name for row in found.systems],
        "numRuns": [len(row.runs) for row in found.systems],
        "blocks": [_block(block) for block in standings_blocks(found)],
        "tests": [
            {
                "second": test.duel.second,
                "duel": _shown(test.duel),
                "p": _written(test.duel.raw, test.p_holm),
                "pSound": _written(test.duel.sound, test.p_holm_sound),
            }
            for test in found.tests
        ],
    }


def _written(difference: Difference | None, p_holm: float | None) -> list[str]:
    """The p and what Holm's correction makes of it, as the terminal writes them."""
    if difference is None or p_holm is None:
        return []
    return [written_p(difference.p), written_p(p_holm)]


def _block(block: Block) -> object:
    if isinstance(block, str):
        return block
    return {
        "title": block.title,
        "columns": list(block.columns),
        "rows": [list(row) for row in block.rows],
        "notes": list(block.notes),
    }


def _shown(duel: Duel) -> Packed:
    shown = duel.model_dump(mode="json", exclude={"first", "second", "settings"})
    return shown | {"settings": [f"{s.key}: {s.first} → {s.second}" for s in duel.settings]}
