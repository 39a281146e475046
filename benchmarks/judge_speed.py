"""Measure how many isolated runs of a small program the judge makes in a second, per tier.

Command: python benchmarks/judge_speed.py [RUNS]

Knows: one program, one worker, the clock.
Does not know: other judges.
"""

import resource
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
    cpu_ms = (cpu - start_cpu) / num_runs * 1000
    walls = sorted(run.wall_ms for run in got.results)
    p50, p95 = walls[len(walls) // 2], walls[len(walls) * 95 // 100]
    return (
        f"{tier}: {1000 / cpu_ms:.0f} runs/s by CPU ({cpu_ms:.2f} ms a run, judge and all), "
        f"{len(walls) / seconds:.0f} by the clock; wall in the sandbox p50 {p50:.2f}, p95 {p95:.2f} ms"
    )


def session(tier: Tier, num_runs: int) -> tuple[Judgement, float, float]:
    """Return the judgement, the CPU seconds of judge and sandbox, and the seconds of judging."""
    tests = [Test(input=f"{n} 1\n", outputs=(str(n + 1),)) for n in range(num_runs)]
    before = cpu_seconds()
    with SandboxJudge(1, tier=tier) as judge:
        started = time.perf_counter()
        got = judge.judge(PROGRAM, Language.PYTHON, tests, limits=Limits(), checker=Checker())
        seconds = time.perf_counter() - started
    assert got.is_accepted
    return got, cpu_seconds() - before, seconds


def cpu_seconds() -> float:
    """CPU of this process and of all that it has waited for."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))


if __name__ == "__main__":
    main()
