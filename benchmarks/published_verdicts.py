"""Grade the published programs and compare with their published verdicts: the whole table.

Command: python benchmarks/published_verdicts.py DATA_FOLDER [--only xcodeeval:C++] [--json FILE]

DATA_FOLDER holds xcodeeval, apps, humaneval and mbpp. xCodeEval and APPS use the execeval preset
and all hidden tests, stopping at the first failure, as the published runs did; HumanEval and MBPP
call the functions from the published test code. Whatever disagrees is run once more the published
way where that is another (functions and tests in one process), and is listed with a class.

Knows: rows, agreement, classes of disagreement.
Does not know: how programs are judged.
"""

import argparse
import json
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from published_rows import TYPED, Entry, Row, all_rows

from mapcoder_lite.errors import InputError, SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.languages import toolchain_of
from mapcoder_lite.problem import Checker, Test
from mapcoder_lite.verdict import Judgement, Verdict

NEAR_THE_LIMIT = 0.5
"""A program that used this share of the CPU limit here may have met it on the published machine."""

MAX_SHOWN = 400
IMPORT_FAULTS = ("ModuleNotFoundError", "ImportError")
COLUMNS = "{:<18} {:>8} {:>6} {:>8} {:>7} {:>13} {:>7} {:>8}"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One program whose verdict differs from the published one."""

    index: int
    run: str
    problem: str
    ours: str
    is_solved_as_published: bool
    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class Result:
    """One row judged, or why it was not."""

    name: str
    num_programs: int
    target: float | None
    num_agreeing: int = 0
    num_runs: int = 0
    num_retried: int = 0
    seconds: float = 0.0
    verdicts: dict[str, int] | None = None
    disagreements: tuple[Disagreement, ...] = ()
    not_run: str = ""

    @property
    def agreement(self) -> float:
        return self.num_agreeing / self.num_programs

    @property
    def is_met(self) -> bool:
        return not self.not_run and (self.target is None or self.agreement >= self.target)


def main() -> int:
    arguments = parse_arguments()
    rows = [row for row in all_rows(arguments.data) if is_wanted(row, arguments.only)]
    if not rows:
        names = ", ".join(row.name for row in all_rows(arguments.data))
        print(f"no row is called {arguments.only!r}; there are: {names}")
        return 2
    with SandboxJudge(arguments.workers) as judge:
        selftest = judge.selftest()
        if not selftest.is_trusted:
            print(f"the judge fails its selftest: {selftest.wrong_rows}")
            return 5
        results = [grade(judge, row) for row in rows]
        report = {
            "isolation": judge.isolation.model_dump(),
            "rows": [
                asdict(result)
                | {"agreement": 0.0 if result.not_run else result.agreement, "met": result.is_met}
                for result in results
            ],
        }
    show(results)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of xcodeeval, apps, humaneval, mbpp")
    parser.add_argument("--only", default="", help="one row, or one data set: xcodeeval:C++, apps")
    parser.add_argument("--json", type=Path, help="also write the report to this file")
    parser.add_argument("--workers", type=int, help="workers of the judge; one a core by default")
    return parser.parse_args()


def is_wanted(row: Row, only: str) -> bool:
    """Whether a row's name, or the part before its colon, is what was asked for."""
    return not only or only in (row.name, row.name.partition(":")[0])


def grade(judge: SandboxJudge, row: Row) -> Result:
    """Judge every program of a row."""
    print(f"{row.name}: {len(row.entries)} programs", file=sys.stderr, flush=True)
    started = time.monotonic()
    try:
        with ThreadPoolExecutor() as threads:
            judgements = list(
                threads.map(lambda entry: judge_entry(judge, row, entry), row.entries)
            )
    except (SandboxError, InputError) as error:
        reason = str(error).splitlines()[0]
        return Result(row.name, len(row.entries), row.target, not_run=reason)
    absent = [one.compilation.log for one in judgements if is_not_judged(one)]
    if len(absent) == len(judgements):
        reason = (absent[0] or "the judge has no verdict on any").splitlines()[0]
        return Result(row.name, len(row.entries), row.target, not_run=reason)
    pairs = list(zip(row.entries, judgements, strict=True))
    differing = [pair for pair in pairs if not agrees(*pair)]
    return Result(
        row.name,
        len(pairs),
        row.target,
        num_agreeing=len(pairs) - len(differing),
        num_runs=sum(judgement.num_run for judgement in judgements),
        num_retried=sum(judgement.num_retried for judgement in judgements),
        seconds=round(time.monotonic() - started, 1),
        verdicts=dict(sorted(Counter(str(one.verdict) for one in judgements).items())),
        disagreements=tuple(explain(judge, row, *pair) for pair in differing),
    )


def agrees(entry: Entry, judgement: Judgement) -> bool:
    """Whether the verdicts are the same; a fault of the judge never agrees."""
    return not is_not_judged(judgement) and judgement.is_accepted == entry.is_solved


def is_not_judged(judgement: Judgement) -> bool:
    return judgement.verdict is Verdict.IE


def judge_entry(judge: SandboxJudge, row: Row, entry: Entry) -> Judgement:
    return judge.judge(
        entry.program,
        row.language,
        entry.tests,
        limits=row.limits,
        checker=row.checker,
        io=row.io_of(entry),
        stop_early=True,
    )


def explain(judge: SandboxJudge, row: Row, entry: Entry, judgement: Judgement) -> Disagreement:
    """Say where a verdict differs from the published one, and what kind of difference it is."""
    failure = judgement.first_failure
    why = f"test {failure.index + 1} of {judgement.num_total}: {failure.reason}" if failure else ""
    if failure and failure.verdict is Verdict.RE and failure.got_excerpt:
        why += f"; it printed {failure.got_excerpt[-MAX_SHOWN // 4 :]!r}"
    why = why or judgement.compilation.log or f"passes all {judgement.num_total} tests here"
    if row.entry_points is None:
        kind = kind_of(row, entry, judgement)
    else:
        is_passed = passes_as_published(judge, row, entry)
        kind = "calls" if is_passed == entry.is_solved else "not reproduced"
        why += f"; the published way it {'passes' if is_passed else 'fails'} here"
    verdict = str(judgement.verdict)
    where = (entry.index, entry.run, entry.problem)
    return Disagreement(*where, verdict, entry.is_solved, kind, why)


def kind_of(row: Row, entry: Entry, judgement: Judgement) -> str:
    """Name the class of a disagreement of a program that prints."""
    failure = judgement.first_failure
    reason = failure.reason if failure else ""
    kinds = {
        "judge": is_not_judged(judgement),
        "type": entry.defect == TYPED,
        "defective tests": entry.defect is not None,
        "time limit": judgement.verdict is Verdict.TLE or uses_most_of_limit(row, judgement),
        "memory limit": judgement.verdict is Verdict.MLE,
        "language version": judgement.verdict is Verdict.CE
        or any(fault in reason for fault in IMPORT_FAULTS),
        # the published judge fails the whole request
        "non-ASCII input": not all(test.input.isascii() for test in entry.tests),
    }
    return next((kind for kind, is_so in kinds.items() if is_so), "other")


def uses_most_of_limit(row: Row, judgement: Judgement) -> bool:
    limit_ms = 1000 * judgement.speed_factor * toolchain_of(row.language).published_cpu_seconds
    return any(result.cpu_ms > NEAR_THE_LIMIT * limit_ms for result in judgement.results)


def passes_as_published(judge: SandboxJudge, row: Row, entry: Entry) -> bool:
    """Run program and test code in one process, as the published harness did, but locked in."""
    (test,) = entry.tests
    point = row.io_of(entry).entry_point
    whole = f"{entry.program}\n{test.input}\ncheck({point})"
    nothing = Test(input="", outputs=("",))
    got = judge.judge(whole, row.language, (nothing,), limits=row.limits, checker=Checker())
    return got.verdict in (Verdict.AC, Verdict.WA)  # it ended well, whatever it printed


def show(results: list[Result]) -> None:
    """Print the table, then every disagreement."""
    print(COLUMNS.format("row", "programs", "agree", "%", "target", "disagreements", "runs", "s"))
    for one in results:
        target = "-" if one.target is None else f">= {100 * one.target:g}"
        if one.not_run:
            print(f"{one.name:<18} {one.num_programs:>8} not run: {one.not_run}")
            continue
        share, differing = f"{100 * one.agreement:.2f}", len(one.disagreements)
        cells = (one.name, one.num_programs, one.num_agreeing, share, target, differing)
        missed = "" if one.is_met else "  MISSED"
        print(COLUMNS.format(*cells, one.num_runs, one.seconds) + missed)
    for result in results:
        show_disagreements(result)


def show_disagreements(result: Result) -> None:
    if not result.disagreements:
        return
    kinds = Counter(one.kind for one in result.disagreements)
    classes = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    print(f"\n{result.name}: {classes}; verdicts here {result.verdicts}")
    for one in result.disagreements:
        published = "solved" if one.is_solved_as_published else "unsolved"
        print(f"- [{one.kind}] program {one.index} ({one.run}, {one.problem}): {one.ours} here,")
        print(f"  {published} as published; {one.why.strip()[:MAX_SHOWN]}")


if __name__ == "__main__":
    sys.exit(main())
