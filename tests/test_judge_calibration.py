"""Calibration: the kernels run, slow machines are found slow, factors are steps from 1 to 8."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite import config
from mapcoder_lite.cli import engines
from mapcoder_lite.errors import ConfigError, SandboxError
from mapcoder_lite.judge.calibration import (
    KERNELS,
    MAX_FACTOR,
    NUM_RUNS,
    STEP,
    Calibration,
    Timing,
    calibrate,
    factor_of,
)
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.problem import Checker, Language, Limits, Test
from mapcoder_lite.verdict import Judgement, Verdict


@pytest.fixture(scope="module")
def judge() -> Iterator[SandboxJudge]:
    try:
        made = SandboxJudge(1)
    except SandboxError as error:
        pytest.skip(str(error))
    with made:
        yield made


class Slow:
    """A judge on a machine that takes so many times as long."""

    def __init__(self, judge: SandboxJudge, times: float):
        self._judge, self._times = judge, times
        self.isolation = judge.isolation

    def judge(self, program: str, *rest: object, **how: object) -> Judgement:
        judgement = self._judge.judge(program, *rest, **how)  # type: ignore[arg-type]
        results = tuple(
            run.model_copy(update={"cpu_ms": run.cpu_ms * self._times}) for run in judgement.results
        )
        return judgement.model_copy(update={"results": results})

    def close(self) -> None:
        self._judge.close()


def test_this_machine_is_measured(judge: SandboxJudge) -> None:
    found = calibrate(judge)
    assert [timing.name for timing in found.timings] == [kernel.name for kernel in KERNELS]
    for timing, kernel in zip(found.timings, KERNELS, strict=True):
        assert timing.slowness == pytest.approx(timing.cpu_ms / kernel.reference_cpu_ms)
    slowest = max(timing.slowness for timing in found.timings)
    assert 0 < found.slowness <= slowest


def test_a_slow_machine_is_found_slow(judge: SandboxJudge) -> None:
    quick, slow = calibrate(judge), calibrate(Slow(judge, 10.0))
    assert slow.slowness > 4 * quick.slowness
    assert slow.speed_factor > 1


def test_the_quickest_of_several_runs_counts(judge: SandboxJudge) -> None:
    seen: list[Judgement] = []

    class Listening(Slow):
        def judge(self, program: str, *rest: object, **how: object) -> Judgement:
            seen.append(super().judge(program, *rest, **how))
            return seen[-1]

    found = calibrate(Listening(judge, 1.0))
    for timing, judgement in zip(found.timings, seen, strict=True):
        times = [run.cpu_ms for run in judgement.results]
        assert len(times) == NUM_RUNS
        assert timing.cpu_ms == min(times)


def test_a_kernel_that_computes_something_else_is_a_fault_of_the_judge(
    judge: SandboxJudge,
) -> None:
    class Wrong(Slow):
        def judge(self, program: str, *rest: object, **how: object) -> Judgement:
            return super().judge("print(0)", *rest, **how)

    with pytest.raises(SandboxError, match="kernel 'arithmetic' ended in WA"):
        calibrate(Wrong(judge, 1.0))


@pytest.mark.parametrize(
    ("slowness", "factor"),
    [(0.1, 1.0), (1.0, 1.0), (1.2, 1.0), (1.25, 1.25), (1.26, 1.5), (3.0, 3.0), (99.0, 8.0)],
)
def test_factor(slowness: float, factor: float) -> None:
    assert factor_of(slowness) == factor


@given(st.floats(0.01, 1000.0))
def test_a_factor_never_takes_time_away(slowness: float) -> None:
    factor = factor_of(slowness)
    assert 1 <= factor <= MAX_FACTOR
    assert factor / STEP == int(factor / STEP)
    if 1 + STEP <= slowness <= MAX_FACTOR:
        assert slowness <= factor < slowness + STEP


def test_slowness_is_a_geometric_mean() -> None:
    found = Calibration((Timing("a", 1.0, 4.0), Timing("b", 1.0, 1.0)))
    assert found.slowness == pytest.approx(2.0)


def test_the_factor_scales_the_limit_and_is_recorded() -> None:
    program = "for _ in range(10**9): pass"
    how = {"limits": Limits(cpu_seconds=0.1), "checker": Checker()}
    tests = (Test(input="", outputs=("",)),)
    with SandboxJudge(1, speed_factor=3.0) as judge:
        judgement = judge.judge(program, Language.PYTHON, tests, **how)
    assert judgement.verdict is Verdict.TLE
    assert judgement.speed_factor == 3.0
    assert judgement.results[0].cpu_ms > 300


@pytest.mark.parametrize(("setting", "factor"), [("2.5", 2.5), ("auto", None)])
def test_the_setting_reaches_the_judge(setting: str, factor: float | None) -> None:
    overrides = ["judge.workers=1", f"judge.speed_factor={setting}"]
    settings = config.load([], overrides)
    with engines.opened_judge(settings) as judge:
        judgement = judge.judge("", Language.PYTHON, (), limits=Limits(), checker=Checker())
    measured = engines.measured_speed(None, False).speed_factor
    assert judgement.speed_factor == (measured if factor is None else factor)


@pytest.mark.parametrize("setting", ["0", "-1", "fast", "1000"])
def test_no_other_factor_is_taken(setting: str) -> None:
    with pytest.raises(ConfigError, match=r"judge\.speed_factor"):
        config.load([], [f"judge.speed_factor={setting}"])
