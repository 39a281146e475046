"""Run real programs through the judge and through plain python3, and compare what came out.

Command: python benchmarks/judge_parity.py DATA_FOLDER [RUNS]

DATA_FOLDER holds xcodeeval/ and apps/, each with its problems and programs. Both sides get the
same interpreter, environment, stack limit and address space; plain python is started without -S,
as the judge promises what site adds for programs (exit, quit). Standard output must be the same to
the byte, and so must the class of ending: exit code, signal, or out of time, where the output is
not compared. A program that plain python itself does not repeat, as it draws random numbers, is
counted apart. Ends with 1 if anything differs.

Knows: the files' fields, how plain python is started.
Does not know: how the judge runs a program.
"""

import gzip
import hashlib
import itertools
import json
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.languages import toolchain_of
from mapcoder_lite.judge.outcome import limits_of_run
from mapcoder_lite.judge.sandbox import (
    ENVIRONMENT,
    RAISE_STACK,
    Interpreter,
    choose_interpreter,
    identity,
    user_to_become,
)
from mapcoder_lite.problem import Checker, Language, Limits, Test
from mapcoder_lite.verdict import TestResult, Verdict

LIMITS = Limits(cpu_seconds=4.0, memory_bytes=512 << 20)
WALL_SECONDS = 60.0
RUNS_OF_A_PROGRAM = 4
OUT_OF_TIME = "out of time"


@dataclass(frozen=True)
class Case:
    """A program and the inputs that it is run on."""

    name: str
    program: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Ending:
    """What a run shows to the outside."""

    how: str
    stdout_sha256: str


@dataclass(frozen=True)
class Difference:
    name: str
    index: int
    judged: Ending
    plain: Ending


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    num_runs = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    cases = enough(real_cases(Path(sys.argv[1])), num_runs)
    user = user_to_become()
    interpreter = choose_interpreter(None, user)
    endings: Counter[str] = Counter()
    differing: list[Difference] = []
    unsteady: list[Difference] = []
    with SandboxJudge() as judge, ThreadPoolExecutor() as threads:
        print(
            f"{interpreter.path}, {judge.isolation.tier}, Landlock {judge.isolation.landlock_abi}"
        )
        sides = threads.map(lambda case: (case, both(judge, interpreter, user, case)), cases)
        for case, pairs in sides:
            for index, (judged, plain) in enumerate(pairs):
                endings[plain.how] += 1
                if judged == plain:
                    continue
                difference = Difference(case.name, index, judged, plain)
                again = run_plain(interpreter, user, case.program, case.inputs[index])
                (differing if again == plain else unsteady).append(difference)
    show(len(cases), endings, differing, unsteady)
    return 1 if differing else 0


def real_cases(folder: Path) -> Iterator[Case]:
    """Every Python program with its first inputs, the sources in turn."""
    xcodeeval = {
        row["src_uid"]: [test["input"] for test in listed(row["hidden_unit_tests"])]
        for row in rows(folder / "xcodeeval" / "problems.jsonl.gz")
    }
    apps = {
        row["id"]: [test["input"] for test in listed(row["test_list"])]
        for row in rows(folder / "apps" / "selected150.jsonl.gz")
    }
    files = {"xcodeeval": xcodeeval, "apps": apps}
    for name, inputs_of in files.items():
        for number, row in enumerate(rows(folder / name / "programs.jsonl.gz")):
            found = inputs_of.get(row["problem"], [])
            if row["language"] == "Python3" and found:
                texts = tuple(text if isinstance(text, str) else json.dumps(text) for text in found)
                label = f"{name} {number} ({row['run']})"
                yield Case(label, row["program"], texts[:RUNS_OF_A_PROGRAM])


def listed(tests: Any) -> list[dict[str, Any]]:  # JSON, or JSON in a string
    return json.loads(tests) if isinstance(tests, str) else tests


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def enough(cases: Iterator[Case], num_runs: int) -> list[Case]:
    """The first cases that make up a number of runs."""
    totals = itertools.accumulate(
        cases, lambda total, case: (total[0] + len(case.inputs), case), initial=(0, None)
    )
    taken: list[Case] = []
    for total, case in totals:
        if case is not None:
            taken.append(case)
        if total >= num_runs:
            break
    return taken


def both(
    judge: SandboxJudge, interpreter: Interpreter, user: int | None, case: Case
) -> list[tuple[Ending, Ending]]:
    tests = [Test(input=text, outputs=("",)) for text in case.inputs]
    got = judge.judge(case.program, Language.PYTHON, tests, limits=LIMITS, checker=Checker())
    if got.verdict is Verdict.CE:
        nothing = hashlib.sha256(b"").hexdigest()
        judged = [Ending("exit 1", nothing)] * len(tests)  # as python ends on a SyntaxError
    else:
        judged = [ending_of(result) for result in got.results]
    plain = [run_plain(interpreter, user, case.program, text) for text in case.inputs]
    return list(zip(judged, plain, strict=True))


def ending_of(result: TestResult) -> Ending:
    if result.verdict is Verdict.IE:
        return Ending("fault of the judge", "")
    if result.verdict is Verdict.TLE:
        return Ending(OUT_OF_TIME, "")
    if result.signal is not None:
        return Ending(signal.Signals(result.signal).name, result.stdout_sha256)
    return Ending(f"exit {result.exit_code}", result.stdout_sha256)


def run_plain(interpreter: Interpreter, user: int | None, program: str, text: str) -> Ending:
    """Run a program by python3 itself, under the limits that the kernel gets from the judge."""
    limits = limits_of_run(LIMITS, 1.0, toolchain_of(Language.PYTHON), is_execeval=False)
    kilobytes, seconds = limits.address_space_bytes >> 10, round(LIMITS.cpu_seconds)
    shell = f"ulimit -v {kilobytes}; ulimit -t {seconds}; {RAISE_STACK}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        file = folder / "main.py"
        file.write_bytes(program.encode("utf-8", "surrogatepass"))
        flags = [flag for flag in interpreter.flags if flag != "-S"]
        try:
            done = subprocess.run(
                ["/bin/sh", "-c", shell, "sh", interpreter.path, *flags, str(file)],
                input=text.encode("utf-8", "surrogatepass"),
                capture_output=True,
                cwd=folder,
                env=ENVIRONMENT,
                timeout=WALL_SECONDS,
                **identity(user),
            )
        except subprocess.TimeoutExpired:
            return Ending(OUT_OF_TIME, "")
    if -done.returncode in (signal.SIGXCPU, signal.SIGKILL):
        return Ending(OUT_OF_TIME, "")
    digest = hashlib.sha256(done.stdout).hexdigest()
    if done.returncode < 0:
        return Ending(signal.Signals(-done.returncode).name, digest)
    return Ending(f"exit {done.returncode}", digest)


def show(
    num_programs: int,
    endings: Counter[str],
    differing: list[Difference],
    unsteady: list[Difference],
) -> None:
    print(f"{endings.total()} runs of {num_programs} programs: {len(differing)} differ,", end=" ")
    print(f"{len(unsteady)} are not repeated by plain python itself")
    print("endings of plain python:", dict(endings.most_common()))
    for title, found in (("differs", differing), ("unsteady", unsteady)):
        for one in found:
            print(f"- {title}: {one.name}, input {one.index}: judge {say(one.judged)}", end="; ")
            print(f"plain {say(one.plain)}")


def say(ending: Ending) -> str:
    return f"{ending.how}, stdout {ending.stdout_sha256[:12] or '-'}"


if __name__ == "__main__":
    sys.exit(main())
