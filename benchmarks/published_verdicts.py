"""Grade the published xCodeEval Python programs and compare with their published verdicts.

Command: python benchmarks/published_verdicts.py DATA_FOLDER [OUTPUT.json]

DATA_FOLDER holds problems.jsonl.gz and programs.jsonl.gz. Uses the execeval preset, all hidden
tests, stopping at the first failure, as the published runs did.

Knows: the files' fields.
Does not know: how programs are judged.
"""

import gzip
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.problem import Checker, CheckerKind, Language, Limits, Test
from mapcoder_lite.verdict import Judgement

CHECKER = Checker(kind=CheckerKind.EXECEVAL)


@dataclass(frozen=True, slots=True)
class Disagreement:
    index: int
    run: str
    problem: str
    ours: str
    is_solved_as_published: bool
    why: str


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    folder = Path(sys.argv[1])
    tests = {row["src_uid"]: hidden_tests(row) for row in rows(folder / "problems.jsonl.gz")}
    programs = [
        (index, row)
        for index, row in enumerate(rows(folder / "programs.jsonl.gz"))
        if row["language"] == "Python3"
    ]
    started = time.monotonic()
    with SandboxJudge() as judge, ThreadPoolExecutor() as threads:
        isolation = judge.isolation
        if not judge.selftest().is_trusted:
            print(f"the judge fails its selftest: {judge.selftest().wrong_rows}")
            return 5

        def grade(entry: tuple[int, dict[str, Any]]) -> Judgement:
            _, row = entry
            return judge.judge(
                row["program"],
                Language.PYTHON,
                tests[row["problem"]],
                limits=Limits(),
                checker=CHECKER,
                stop_early=True,
            )

        judgements = list(threads.map(grade, programs))
    seconds = time.monotonic() - started
    differing = disagreements(programs, judgements)
    num_runs = sum(judgement.num_run for judgement in judgements)
    report = {
        "num_programs": len(programs),
        "num_agreeing": len(programs) - len(differing),
        "agreement": 1 - len(differing) / len(programs),
        "num_runs": num_runs,
        "seconds": round(seconds, 1),
        "num_retried": sum(judgement.num_retried for judgement in judgements),
        "verdicts": count(str(judgement.verdict) for judgement in judgements),
        "isolation": isolation.model_dump(),
        "disagreements": [asdict(one) for one in differing],
    }
    show(report, differing)
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def hidden_tests(row: dict[str, Any]) -> tuple[Test, ...]:
    tests = row["hidden_unit_tests"]
    if isinstance(tests, str):
        tests = json.loads(tests)
    return tuple(Test(input=test["input"], outputs=tuple(test["output"])) for test in tests)


def disagreements(
    programs: list[tuple[int, dict[str, Any]]], judgements: list[Judgement]
) -> list[Disagreement]:
    found: list[Disagreement] = []
    for (index, row), judgement in zip(programs, judgements, strict=True):
        if judgement.is_accepted == row["is_solved"]:
            continue
        failure = judgement.first_failure
        why = (
            f"test {failure.index + 1} of {judgement.num_total}: {failure.reason}"
            if failure
            else ""
        )
        why = why or judgement.compilation.log or f"passes all {judgement.num_total} tests here"
        verdict = str(judgement.verdict)
        found.append(
            Disagreement(index, row["run"], row["problem"], verdict, row["is_solved"], why)
        )
    return found


def count(names: Iterator[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))


def show(report: dict[str, Any], differing: list[Disagreement]) -> None:
    print(f"{report['num_agreeing']} of {report['num_programs']} verdicts agree", end=" ")
    print(f"({report['agreement']:.2%}); {report['num_runs']} runs, {report['seconds']} s")
    print("verdicts here:", report["verdicts"], "retried:", report["num_retried"])
    for one in differing:
        published = "solved" if one.is_solved_as_published else "unsolved"
        print(f"- program {one.index} ({one.run}, {one.problem}): {one.ours} here, {published}")
        print(f"  published; {one.why}")


if __name__ == "__main__":
    sys.exit(main())
