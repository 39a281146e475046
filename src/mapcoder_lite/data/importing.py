"""A foreign set of problems into our two files, and what became of its rows.

Knows: which rows are wanted, repeated rows, the two files.
Does not know: foreign fields.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mapcoder_lite.data.apps import read_apps
from mapcoder_lite.data.codecontests import read_codecontests
from mapcoder_lite.data.humaneval import read_humaneval
from mapcoder_lite.data.livecodebench import read_livecodebench
from mapcoder_lite.data.mbpp import read_mbpp
from mapcoder_lite.data.rows import Broken, Imported, LeftOut, Outcome
from mapcoder_lite.data.xcodeeval import read_xcodeeval
from mapcoder_lite.errors import InputError
from mapcoder_lite.jsonl import replaced
from mapcoder_lite.problem import Record

READERS: dict[str, Callable[[Path], Iterator[Outcome]]] = {
    "xcodeeval": read_xcodeeval,
    "codecontests": read_codecontests,
    "apps": read_apps,
    "humaneval": read_humaneval,
    "mbpp": read_mbpp,
    "livecodebench": read_livecodebench,
}
"""By the name that the command line gives them; data/sources.py describes each."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which problems to take; days are ISO 8601 and both included."""

    split: str | None = None
    since: str | None = None
    until: str | None = None
    limit: int | None = None

    def refusal(self, found: Imported) -> str | None:
        """Return why a problem is not wanted, or None."""
        source = found.problem.source
        if self.split is not None and source.split != self.split:
            return f"split {source.split or 'not known'}"
        if self.since is None and self.until is None:
            return None
        if source.date is None:
            return "no date"
        is_inside = (self.since or "") <= source.date <= (self.until or "9999")
        return None if is_inside else "outside the days asked for"


@dataclass(slots=True)
class Tally:
    """What became of every row."""

    num_rows: int = 0
    num_problems: int = 0
    num_tests: int = 0
    num_without_samples: int = 0
    bad_samples: dict[str, int] = field(default_factory=dict[str, int])
    """Samples left out of a problem since their test code is no Python."""
    defects: dict[str, str] = field(default_factory=dict[str, str])
    """Problems whose hidden tests have a known fault."""
    repeated: Counter[str] = field(default_factory=Counter[str])
    """Rows that say again what an earlier row of the same problem said, by problem."""
    left_out: Counter[str] = field(default_factory=Counter[str])
    """Rows that are of no use or not wanted, by reason."""
    broken: list[Broken] = field(default_factory=list[Broken])

    @property
    def num_sound(self) -> int:
        """Problems without a known fault."""
        return self.num_problems - len(self.defects)


def import_problems(outcomes: Iterator[Outcome], folder: Path, wanted: Wanted) -> Tally:
    """Write problems.jsonl and hidden_tests.jsonl of a folder, each whole or not at all.

    Memory holds one problem at a time, besides a digest of each.

    Raises:
        InputError: not one problem is left; says what became of the rows.
    """
    tally = Tally()
    folder.mkdir(parents=True, exist_ok=True)
    with (
        replaced(folder / "problems.jsonl") as problems,
        replaced(folder / "hidden_tests.jsonl") as hidden,
    ):
        for found in _chosen(outcomes, wanted, tally):
            problems.write(_line(found.problem))
            hidden.write(_line(found.hidden))
        if tally.num_problems == 0:
            raise InputError(f"no problem was read: {_why_none(tally)}")
    return tally


def _chosen(outcomes: Iterator[Outcome], wanted: Wanted, tally: Tally) -> Iterator[Imported]:
    """Yield what is to be written, counting everything."""
    seen: dict[str, bytes] = {}
    for found in outcomes:
        tally.num_rows += 1
        match found:
            case Broken():
                tally.broken.append(found)
            case LeftOut():
                tally.left_out[found.reason] += 1
            case Imported() if reason := wanted.refusal(found):
                tally.left_out[reason] += 1
            case Imported() if _is_new(found, seen, tally):
                _count(found, tally)
                yield found
                if tally.num_problems == wanted.limit:
                    return
            case _:
                pass


def _is_new(found: Imported, seen: dict[str, bytes], tally: Tally) -> bool:
    """Count a problem that was there before; another problem of the same id is a fault."""
    name = found.problem.id
    content = f"{_line(found.problem)}{_line(found.hidden)}".encode()
    digest = hashlib.sha256(content).digest()
    if name not in seen:
        seen[name] = digest
        return True
    if seen[name] == digest:
        tally.repeated[name] += 1
    else:
        tally.broken.append(Broken(name, "two different problems have this id; the first is kept"))
    return False


def _count(found: Imported, tally: Tally) -> None:
    tally.num_problems += 1
    tally.num_tests += len(found.hidden.tests)
    tally.num_without_samples += not found.problem.public_tests
    if found.num_bad_samples:
        tally.bad_samples[found.problem.id] = found.num_bad_samples
    if found.hidden.defect is not None:
        tally.defects[found.problem.id] = found.hidden.defect


def _why_none(tally: Tally) -> str:
    reasons = [f"{number} rows left out ({reason})" for reason, number in tally.left_out.items()]
    if tally.broken:
        first = tally.broken[0]
        reasons.append(f"{len(tally.broken)} broken, first {first.where}: {first.reason}")
    return "; ".join(reasons) or "there are no rows"


def _line(record: Record) -> str:
    return record.model_dump_json() + "\n"
