"""Our verdicts beside the published ones: what agrees, and of what class is what does not.

Functions and tests whose verdicts differ are run once more in one process, as the published harness
ran them: a class says whether the way or the program's verdict is another.

Knows: agreement, classes of disagreement.
Does not know: files, scores, tables.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from published_rows import TYPED, Entry, Row
from published_verdicts import Question, Verdicts

from mapcoder_lite.judge.languages import toolchain_of
from mapcoder_lite.problem import Checker, Io, Test
from mapcoder_lite.verdict import Judgement, Verdict

NEAR_THE_LIMIT = 0.5
"""A program that used this share of the CPU limit here may have met it on the published machine."""

MAX_SHOWN = 100
IMPORT_FAULTS = ("ModuleNotFoundError", "ImportError")


@dataclass(frozen=True, slots=True)
class Pair:
    """A published program and our judgement on it."""

    entry: Entry
    judgement: Judgement

    @property
    def is_solved(self) -> bool:
        """Whether it is solved by our judge."""
        return self.judgement.is_accepted

    @property
    def is_judged(self) -> bool:
        """Whether the judge came to a verdict."""
        return self.judgement.verdict is not Verdict.IE

    @property
    def agrees(self) -> bool:
        """Whether the verdicts are the same; a fault of the judge never agrees."""
        return self.is_judged and self.is_solved == self.entry.is_solved


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One program whose verdict differs from the published one."""

    row: str
    run: str
    index: int
    problem: str
    verdict: str
    is_solved_as_published: bool
    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A row with our judgements; empty where none could be had."""

    row: Row
    pairs: tuple[Pair, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    not_run: str = ""
    """Why no program was judged."""

    @property
    def is_compared(self) -> bool:
        """Whether there are published verdicts to compare with."""
        return all(entry.is_solved is not None for entry in self.row.entries)

    def by_run(self) -> dict[str, list[Pair]]:
        """Return the judged programs of each run: a cell of the table."""
        cells: dict[str, list[Pair]] = {}
        for pair in self.pairs:
            cells.setdefault(pair.entry.run, []).append(pair)
        return cells


def judged_rows(verdicts: Verdicts, rows: Sequence[Row]) -> list[JudgedRow]:
    """Judge every program of the rows, then say what disagrees and why.

    Raises:
        InputError: tests cannot be judged.
        SandboxError: programs cannot be judged here, or the judge failed its self-test.
    """
    pairs = {row.name: pairs_of(verdicts, row) for row in rows}
    found: list[JudgedRow] = []
    for row in rows:
        if reason := why_not_run(pairs[row.name]):
            found.append(JudgedRow(row, not_run=reason))
            continue
        judged = JudgedRow(row, tuple(pairs[row.name]))
        if judged.is_compared:
            disagreements = tuple(explained(verdicts, row, rows, pairs))
            judged = JudgedRow(row, judged.pairs, disagreements)
        found.append(judged)
    return found


def pairs_of(verdicts: Verdicts, row: Row) -> list[Pair]:
    questions = [question_of(row, entry) for entry in row.entries]
    judgements = verdicts.on(questions, row.name)
    return [Pair(*both) for both in zip(row.entries, judgements, strict=True)]


def question_of(row: Row, entry: Entry) -> Question:
    return Question(
        program=entry.program,
        language=row.language,
        tests=entry.tests,
        checker=row.checker,
        limits=row.limits,
        io=row.io_of(entry),
    )


def why_not_run(pairs: Sequence[Pair]) -> str:
    """Return why the judge has no verdict on any program of a row, or nothing."""
    if any(pair.is_judged for pair in pairs):
        return ""
    log = pairs[0].judgement.compilation.log if pairs else "no programs"
    return (log or "the judge has no verdict on any").splitlines()[0]


def explained(
    verdicts: Verdicts, row: Row, rows: Sequence[Row], pairs: Mapping[str, Sequence[Pair]]
) -> Iterator[Disagreement]:
    """Say of every program of a row whose verdicts differ what kind of difference it is."""
    for place, pair in enumerate(pairs[row.name]):
        if pair.agrees:
            continue
        kind, why = kind_of(row, pair), reason_of(row, pair)
        if row.nearer is not None:
            kind = kind_nearer(row, place, rows, pairs)
        elif row.entry_points is not None and pair.is_judged:
            is_passed = passes_as_published(verdicts, row, pair.entry)
            kind = "calls" if is_passed == pair.entry.is_solved else "not reproduced"
            why += f"; the published way it {'passes' if is_passed else 'fails'} here"
        entry = pair.entry
        yield Disagreement(
            row=row.name,
            run=entry.run,
            index=entry.index,
            problem=entry.problem,
            verdict=str(pair.judgement.verdict),
            is_solved_as_published=bool(entry.is_solved),
            kind=kind,
            why=why,
        )


def kind_nearer(
    row: Row, place: int, rows: Sequence[Row], pairs: Mapping[str, Sequence[Pair]]
) -> str:
    """Return what the row lacks in which the program's verdicts agree, nearer to the published."""
    named = {other.name: other for other in rows}
    while row.nearer is not None and row.nearer[0] in named:
        name, kind = row.nearer
        if pairs[name][place].agrees:
            return kind
        row = named[name]
    return "not reproduced"


def kind_of(row: Row, pair: Pair) -> str:
    """Name the class of a disagreement of a program that prints."""
    judgement = pair.judgement
    reason = judgement.first_failure.reason if judgement.first_failure else ""
    kinds = {
        "judge": not pair.is_judged,
        "type": pair.entry.defect == TYPED,
        "defective tests": pair.entry.defect is not None,
        "time limit": judgement.verdict is Verdict.TLE or uses_most_of_limit(row, judgement),
        "memory limit": judgement.verdict is Verdict.MLE,
        "language version": judgement.verdict is Verdict.CE
        or any(fault in reason for fault in IMPORT_FAULTS),
        # the published judge fails the whole request
        "non-ASCII input": not all(test.input.isascii() for test in pair.entry.tests),
    }
    return next((kind for kind, is_so in kinds.items() if is_so), "other")


def uses_most_of_limit(row: Row, judgement: Judgement) -> bool:
    limit_ms = 1000 * judgement.speed_factor * toolchain_of(row.language).published_cpu_seconds
    return any(result.cpu_ms > NEAR_THE_LIMIT * limit_ms for result in judgement.results)


def reason_of(row: Row, pair: Pair) -> str:
    """Say where the program failed here, or how much of the time it took."""
    judgement = pair.judgement
    failure = judgement.first_failure
    if failure is None:
        most = max((result.cpu_ms for result in judgement.results), default=0.0)
        log = judgement.compilation.log
        return log or f"passes all {judgement.num_total} tests here, at most {most:.0f} ms each"
    why = f"test {failure.index + 1} of {judgement.num_total}: {failure.reason}"
    if failure.verdict is Verdict.RE and failure.got_excerpt:
        why += f"; it printed {failure.got_excerpt[-MAX_SHOWN:]!r}"
    return why


def passes_as_published(verdicts: Verdicts, row: Row, entry: Entry) -> bool:
    """Run program and test code in one process, as the published harness did, but locked in."""
    (test,) = entry.tests
    question = Question(
        program=f"{entry.program}\n{test.input}\ncheck({row.io_of(entry).entry_point})",
        language=row.language,
        tests=(Test(input="", outputs=("",)),),
        checker=Checker(),
        limits=row.limits,
        io=Io(),
    )
    (got,) = verdicts.on([question], "the published way")
    return got.verdict in (Verdict.AC, Verdict.WA)  # it ended well, whatever it printed


def kinds_of(disagreements: Sequence[Disagreement]) -> str:
    """Return how many there are of each class."""
    counts = Counter(one.kind for one in disagreements).most_common()
    return ", ".join(f"{number} {kind}" for kind, number in counts)
