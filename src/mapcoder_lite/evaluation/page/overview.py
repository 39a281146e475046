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
from mapcoder_lite.examination import rules_of
from mapcoder_lite.jsonl import read_record
from mapcoder_lite.problem import Record
from mapcoder_lite.store import RunHeader
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


def overview(runs: Sequence[Path], metrics: Sequence[Metrics], duels: Sequence[Duel]) -> Packed:
    """Return everything that the page says of whole runs.

    Raises:
        StoreError: a run's config.json or audit.json is damaged.
    """
    headers = [read_record(path / "config.json", RunHeader) for path in runs]
    places = {str(path): place for place, path in enumerate(runs)}
    return {
        "written": datetime.now(UTC).isoformat(timespec="minutes"),
        "runs": [
            _run(name, path, header, numbers)
            for name, path, header, numbers in zip(
                _names(runs), runs, headers, metrics, strict=True
            )
        ],
        "comparisons": [
            _duel(duel, places) for duel in duels if duel.first in places and duel.second in places
        ],
    }


def _names(runs: Sequence[Path]) -> list[str]:
    """A name a run; runs of one name are told apart by their folders."""
    names = [path.resolve().name for path in runs]
    return [
        f"{path.resolve().parent.name}/{name}" if names.count(name) > 1 else name
        for path, name in zip(runs, names, strict=True)
    ]


def _run(name: str, path: Path, header: RunHeader, metrics: Metrics) -> Packed:
    rules = metrics.examination.judge_version
    return {
        "name": redacted(name),
        "metrics": metrics.model_dump(mode="json") | {"engine": redacted(metrics.engine)},
        "rules": "" if rules == JUDGE_VERSION else rules_of(rules),
        "settings": redacted(header.config.model_dump_json(exclude_defaults=True, indent=2)),
        "version": header.version,
        "commit": header.commit,
        "funnel": _funnel(path / "audit.json"),
    }


def _funnel(path: Path) -> Packed | None:
    if not path.exists():
        return None
    audit = read_record(path, AuditFile)
    stages = [stage.model_dump() for stage in audit.funnel.stages]
    return {"dataset": redacted(audit.dataset), "stages": stages}


def _duel(duel: Duel, places: dict[str, int]) -> Packed:
    return duel.model_dump(mode="json") | {
        "first": places[duel.first],
        "second": places[duel.second],
        "doubts": [redacted(line) for line in duel.doubts],
        "settings": [redacted(f"{s.key}: {s.first} -> {s.second}") for s in duel.settings],
    }
