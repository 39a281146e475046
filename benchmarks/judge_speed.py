"""Measure how many isolated runs of a small program the judge makes in a second, per tier.

Command: python benchmarks/judge_speed.py [RUNS]

Knows: one program, one worker, the clock.
Does not know: other judges.
"""

import resource
import statistics
import sys
import time

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.sandbox import Tier
from mapcoder_lite.problem import Checker, Language, Limits, Test
from mapcoder_lite.verdict import Judgement

PROGRAM = "print(sum(map(int, input().split())))"
WARM_UP = 20
TIERS: tuple[Tier, ...] = ("bubblewrap", "landlock")


def main() -> None:
    num_runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    for tier in TIERS:
        try:
            print(measure(tier, num_runs))
        except SandboxError as error:
            print(f"{tier}: {error}")


def measure(tier: Tier, num_runs: int) -> str:
    _, start_cpu, _ = session(tier, WARM_UP)
    got, cpu, seconds = session(tier, WARM_UP + num_runs)
    walls = sorted(run.wall_ms for run in got.results)
    program_ms = statistics.median(run.cpu_ms for run in got.results)
    line = (
        f"{tier}: {len(walls) / seconds:.0f} runs/s by the clock; in the sandbox wall p50 "
        f"{walls[len(walls) // 2]:.2f} ms, p95 {walls[len(walls) * 95 // 100]:.2f} ms, "
        f"CPU of the program {program_ms:.2f} ms"
    )
    if tier == "bubblewrap":  # it does not hand on the CPU of what it started
        return line
    cpu_ms = (cpu - start_cpu) / num_runs * 1000
    return f"{line}; judge and all {cpu_ms:.2f} ms of CPU a run, {1000 / cpu_ms:.0f} runs/s by CPU"


def session(tier: Tier, num_runs: int) -> tuple[Judgement, float, float]:
    """Return the judgement, the CPU seconds of judge and sandbox, and the seconds of judging."""
    tests = [Test(input=f"{n} 1\n", outputs=(str(n + 1),)) for n in range(num_runs)]
    before = cpu_seconds()
    with SandboxJudge(1, tier=tier) as judge:
        started = time.perf_counter()
        got = judge.judge(PROGRAM, Language.PYTHON, tests, limits=Limits(), checker=Checker())
        seconds = time.perf_counter() - started
        # the worker collects the first program's processes, and their CPU, at the next program
        time.sleep(0.2)
        judge.judge("pass", Language.PYTHON, tests[:1], limits=Limits(), checker=Checker())
    assert got.is_accepted
    return got, cpu_seconds() - before, seconds


def cpu_seconds() -> float:
    """CPU of this process and of all that it has waited for."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))


if __name__ == "__main__":
    main()
