"""How slow this machine is: fixed kernels timed inside the sandbox against a reference machine.

The kernels go through the judge like any program, so what is timed is what programs get: the
machine, its load, and the sandbox's Python. Of several runs the quickest counts: noise only adds.

Knows: the kernels, their reference times, how a measured slowness becomes a factor of limits.
Does not know: how programs are run, settings.
"""

import math
from dataclasses import dataclass

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.problem import Checker, Language, Limits, Test
from mapcoder_lite.verdict import Judge

NUM_RUNS = 5
LIMITS = Limits(cpu_seconds=20.0, memory_bytes=512 << 20)

STEP = 0.25
"""Factors are multiples of this, so that one machine gets one factor in spite of noise."""
MAX_FACTOR = 8.0
"""Beyond this a machine is not slow but overloaded; the measured slowness is still shown."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A program that computes something fixed."""

    name: str
    program: str
    output: str
    reference_cpu_ms: float
    """CPU milliseconds on the reference machine."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One kernel on this machine."""

    name: str
    cpu_ms: float
    """The quickest run."""
    slowness: float
    """Of the reference time; 1 = as fast."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """This machine against the reference."""

    timings: tuple[Timing, ...]

    @property
    def slowness(self) -> float:
        """The geometric mean over the kernels; below 1 = faster than the reference."""
        return math.exp(sum(math.log(t.slowness) for t in self.timings) / len(self.timings))

    @property
    def speed_factor(self) -> float:
        """What CPU limits are multiplied by."""
        return factor_of(self.slowness)


def factor_of(slowness: float) -> float:
    """Return the factor of CPU limits for a measured slowness.

    Never below 1, as limits are promises: a fast machine gives a program no less time than the
    problem says. Up to a step above the reference nothing changes; beyond, the next step up.
    """
    if slowness < 1 + STEP:
        return 1.0
    return min(math.ceil(slowness / STEP) * STEP, MAX_FACTOR)


def calibrate(judge: Judge) -> Calibration:
    """Time every kernel on a judge whose own factor is 1; takes about half a second.

    Raises:
        SandboxError: the judge could not run a kernel, or it computed something else.
    """
    return Calibration(tuple(_timed(judge, kernel) for kernel in KERNELS))


def _timed(judge: Judge, kernel: Kernel) -> Timing:
    tests = (Test(input="", outputs=(kernel.output,)),) * NUM_RUNS
    judgement = judge.judge(
        kernel.program, Language.PYTHON, tests, limits=LIMITS, checker=Checker()
    )
    if not judgement.is_accepted:
        raise SandboxError(
            f"the machine cannot be calibrated: kernel {kernel.name!r} ended in "
            f"{judgement.verdict.value}; judge.speed_factor takes a number instead of a measurement"
        )
    cpu_ms = min(result.cpu_ms for result in judgement.results)
    return Timing(kernel.name, cpu_ms, cpu_ms / kernel.reference_cpu_ms)


ARITHMETIC = """\
total = 0
for i in range(1, 200001):
    total = (total * 31 + i * i // 7) % 1000003
print(total)
"""
CONTAINERS = """\
numbers, seed = [], 12345
for _ in range(40000):
    seed = (seed * 1103515245 + 12345) % 2147483648
    numbers.append(seed)
counts = {}
for number in numbers:
    counts[number % 4099] = counts.get(number % 4099, 0) + 1
numbers.sort()
print(len(counts), max(counts.values()), numbers[20000])
"""
TEXT = """\
words = [str(i * 7919 % 100003) for i in range(40000)]
text = " ".join(words)
back = text.replace("9", "nine").split()
print(len(text), sum(map(len, back)), len(set(back)), text[::-1].count("12"))
"""

# Measured on 2026-11-25, load 0.7 of 2: 2 virtual cores of an Intel Xeon at 2.6 GHz, Linux
# 6.18, CPython 3.11, tier bubblewrap, one worker. Each is the median, over 40 calibrations, of the
# quickest of NUM_RUNS runs; they spread by 5 % (arithmetic, containers) and 17 % (text).
# `mapcoder doctor --json` shows the same milliseconds of another machine.
KERNELS = (
    Kernel("arithmetic", ARITHMETIC, "101159", reference_cpu_ms=18.4),
    Kernel("containers", CONTAINERS, "4098 27 1072341261", reference_cpu_ms=16.9),
    Kernel("text", TEXT, "235556 255566 40000 1589", reference_cpu_ms=11.5),
)
