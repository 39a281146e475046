"""The judge as its users meet it: verdicts, records, retries, threads, refusal."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from mapcoder_lite.errors import InputError, SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.known import KNOWN
from mapcoder_lite.judge.languages import toolchain_of
from mapcoder_lite.judge.outcome import outcome_of
from mapcoder_lite.judge.selftest import run_selftest
from mapcoder_lite.judge.zygote import Ended, Run
from mapcoder_lite.problem import Checker, CheckerKind, Io, Language, Limits, Test
from mapcoder_lite.verdict import Judgement, Verdict

SUM = "print(sum(map(int, input().split())))"
TESTS = tuple(Test(input=f"{n} 1\n", outputs=(f"{n + 1}\n",)) for n in range(4))
LIMITS = Limits(cpu_seconds=2.0, memory_bytes=128 << 20, output_bytes=1 << 20)
SOURCES = Path(__file__).parents[1] / "src"


@pytest.fixture(scope="module")
def judge() -> Iterator[SandboxJudge]:
    try:
        made = SandboxJudge(2)
    except SandboxError as error:
        pytest.skip(str(error))
    with made:
        yield made


def ask(
    judge: SandboxJudge, program: str, tests: tuple[Test, ...] = TESTS, **how: bool
) -> Judgement:
    return judge.judge(program, Language.PYTHON, tests, limits=LIMITS, checker=Checker(), **how)


def test_an_accepted_program_is_recorded_in_full(judge: SandboxJudge) -> None:
    got = ask(judge, SUM)
    assert (got.verdict, got.num_run, got.num_passed, got.num_total) == (Verdict.AC, 4, 4, 4)
    assert got.first_failure is None
    assert got.isolation == judge.isolation
    assert got.isolation.tier in ("bubblewrap", "landlock")
    for result in got.results:
        assert result.exit_code == 0
        assert result.cpu_ms > 0
        assert result.rss_kb > 1000
        assert result.stdout_bytes == 2
    assert Judgement.model_validate_json(got.model_dump_json()) == got


def test_the_first_failure_is_shown_for_public_tests_only(judge: SandboxJudge) -> None:
    program = "a, b = map(int, input().split())\nimport sys\nsys.stderr.write(f'{a}')\n"
    program += "print(min(a + b, 3))"
    shown = ask(judge, program).first_failure
    assert shown is not None
    assert (shown.index, shown.verdict) == (3, Verdict.WA)
    assert (shown.input_excerpt, shown.expected_excerpt) == ("3 1\n", "4\n")
    assert shown.got_excerpt == "3\n"
    assert shown.reason == "token 1 (line 1): expected '4', got '3'"
    hidden = ask(judge, program, show_tests=False)
    assert hidden.first_failure is not None
    assert hidden.first_failure.input_excerpt is None
    assert hidden.first_failure.expected_excerpt is None
    assert hidden.first_failure.reason == ""
    assert {(run.stdout_excerpt, run.stderr_tail) for run in hidden.results} == {("", "")}


def test_early_stop(judge: SandboxJudge) -> None:
    got = ask(judge, "print(2)", stop_early=True)
    assert (got.verdict, got.num_run, got.num_passed, got.num_total) == (Verdict.WA, 1, 0, 4)
    assert ask(judge, "print(2)").num_run == 4


def test_no_tests_is_no_pass(judge: SandboxJudge) -> None:
    got = ask(judge, SUM, ())
    assert got.verdict is Verdict.SK
    assert not got.is_accepted


def test_a_compile_error_names_its_line(judge: SandboxJudge) -> None:
    got = ask(judge, "x = 1\nprint(")
    assert got.verdict is Verdict.CE
    assert not got.compilation.is_ok
    assert "line 2" in got.compilation.log
    assert got.results == ()


def test_a_traceback_shows_the_program_and_not_the_judge(judge: SandboxJudge) -> None:
    failure = ask(judge, "def f():\n    return 1 // 0\nf()")
    tail = failure.results[0].stderr_tail
    assert "return 1 // 0" in tail
    assert "inside" not in tail and "worker" not in tail
    assert failure.first_failure is not None
    assert failure.first_failure.reason == (
        "exit code 1: ZeroDivisionError: integer division or modulo by zero"
    )


def test_text_beyond_ascii_travels(judge: SandboxJudge) -> None:
    test = Test(input="žluť 😀\n", outputs=("😀 ťulž",))
    got = ask(judge, "print(input()[::-1])", (test,))
    assert got.verdict is Verdict.AC


def test_large_input_and_output(judge: SandboxJudge) -> None:
    text = "1234567 " * 100_000
    got = ask(judge, "print(input())", (Test(input=text, outputs=(text,)),))
    assert got.verdict is Verdict.AC


def test_hashes_and_random_are_the_same_every_time(judge: SandboxJudge) -> None:
    program = "import random\nprint(hash('x'), random.random(), list({'a', 'b', 'c'}))"
    runs = [ask(judge, program, (Test(input="", outputs=("",)),)) for _ in range(3)]
    assert len({run.results[0].stdout_sha256 for run in runs}) == 1


def test_selftest_is_passed(judge: SandboxJudge) -> None:
    report = judge.selftest()
    assert report.is_trusted, report.wrong_rows
    assert len(report.rows) == len(KNOWN)


def test_selftest_finds_a_judge_that_accepts_everything(judge: SandboxJudge) -> None:
    isolation_of_ours = judge.isolation

    class Gullible:
        isolation = isolation_of_ours

        def judge(self, program: str, *args: object, **how: object) -> Judgement:
            return ask(judge, SUM)

        def close(self) -> None:
            pass

    report = run_selftest(Gullible())
    assert not report.is_trusted
    assert len(report.wrong_rows) > 10


def test_many_threads_share_two_workers(judge: SandboxJudge) -> None:
    with ThreadPoolExecutor(8) as threads:
        programs = [SUM if n % 2 else "print(0)" for n in range(40)]
        verdicts = [
            got.verdict for got in threads.map(lambda program: ask(judge, program), programs)
        ]
    assert verdicts == [Verdict.AC if n % 2 else Verdict.WA for n in range(40)]


def test_a_worker_that_dies_is_replaced() -> None:
    with SandboxJudge(1) as judge:
        assert ask(judge, SUM).num_retried == 0
        for _ in range(2):
            worker = judge._pool._slots[0].worker
            assert worker is not None
            worker._process.kill()  # with it the whole sandbox
            worker._process.wait()
            assert select.select([worker._socket], [], [], 10)[0]  # what is inside ends later
            got = ask(judge, SUM)
            assert got.verdict is Verdict.AC
            assert got.num_retried >= 1
        assert ask(judge, SUM).num_retried == 0


@contextmanager
def every_worker_killed(judge: SandboxJudge) -> Generator[None]:
    """Kill the only worker again and again, each new one within some milliseconds."""
    is_over = threading.Event()

    def kill() -> None:
        while not is_over.wait(0.005):
            worker = judge._pool._slots[0].worker
            if worker is not None:
                worker._process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        is_over.set()
        killer.join()


@pytest.mark.parametrize("program", ["while True: pass", "print('wrong')", SUM])
def test_a_fault_of_the_judge_is_never_called_wrong(program: str) -> None:
    # long enough at work to be killed there, whatever it would get
    program = f"import time\ntime.sleep(1)\n{program}"
    with SandboxJudge(1) as judge:
        with every_worker_killed(judge):
            got = ask(judge, program, TESTS[:1])
        assert got.verdict is Verdict.IE
        assert [run.verdict for run in got.results] == [Verdict.IE]
        assert (got.num_run, got.num_passed, got.num_retried) == (1, 0, 3)
        assert got.first_failure is not None
        assert got.first_failure.verdict is Verdict.IE
        assert got.first_failure.reason
        assert ask(judge, SUM, TESTS[:1]).is_accepted


def test_execeval_preset_strips_asserts_and_exit(judge: SandboxJudge) -> None:
    tests = (Test(input="1\r\n", outputs=("1.0000000000000001",)),)
    checker = Checker(kind=CheckerKind.EXECEVAL)

    def verdict(program: str) -> Verdict:
        return judge.judge(program, Language.PYTHON, tests, limits=LIMITS, checker=checker).verdict

    assert verdict("assert False\r\nprint(1)\r\n") is Verdict.AC
    assert verdict("import sys\nassert '\\r' not in sys.stdin.read()\nprint(1)") is Verdict.AC
    assert verdict("print(1)\nexit()") is Verdict.RE
    assert verdict("print(1.1)") is Verdict.WA


def run_of(**fields: object) -> Run:
    usual = {
        "ended": Ended.BY_ITSELF,
        "exit_code": 0,
        "signal": None,
        "cpu_ms": 10.0,
        "wall_ms": 10.0,
        "rss_kb": 1000,
        "stdout": b"",
        "stdout_bytes": 0,
        "stderr_bytes": 0,
        "stderr_tail": b"",
    }
    return Run(**(usual | fields))  # type: ignore[arg-type] -- fields by name


@pytest.mark.parametrize(
    ("fields", "verdict", "is_doubtful"),
    [
        ({}, Verdict.AC, False),
        ({"cpu_ms": 2100.0}, Verdict.TLE, True),  # a near miss
        ({"cpu_ms": 2300.0, "ended": Ended.BY_CPU_LIMIT}, Verdict.TLE, False),
        ({"cpu_ms": 800.0, "ended": Ended.BY_DEADLINE}, Verdict.TLE, True),  # starved
        ({"cpu_ms": 1.0, "ended": Ended.BY_DEADLINE}, Verdict.TLE, False),  # slept
        ({"signal": signal.SIGXCPU, "exit_code": None}, Verdict.TLE, False),
        ({"stdout_bytes": 1 << 20, "exit_code": 1}, Verdict.OLE, False),
        ({"rss_kb": 1 << 20, "exit_code": 1}, Verdict.MLE, False),
        ({"signal": signal.SIGSYS, "exit_code": None}, Verdict.SEC, False),
        ({"signal": signal.SIGSEGV, "exit_code": None}, Verdict.RE, False),
        ({"exit_code": 120}, Verdict.RE, False),
    ],
)
def test_precedence_of_verdicts(
    fields: dict[str, object], verdict: Verdict, is_doubtful: bool
) -> None:
    outcome = outcome_of(run_of(**fields), LIMITS, 1.0, toolchain_of(Language.PYTHON))
    assert (outcome.verdict, outcome.is_doubtful) == (verdict, is_doubtful)


def test_unsupported_kinds_are_refused_with_a_word(judge: SandboxJudge) -> None:
    how = {"limits": LIMITS, "checker": Checker()}
    with pytest.raises(InputError, match="function"):
        judge.judge("", Language.PYTHON, TESTS, io=Io(kind="function", entry_point="f"), **how)
    with pytest.raises(InputError, match="custom"):
        custom = Checker(kind=CheckerKind.CUSTOM)
        judge.judge("", Language.PYTHON, TESTS, limits=LIMITS, checker=custom)


def test_a_closed_judge_says_so() -> None:
    judge = SandboxJudge(1)
    judge.close()
    judge.close()
    with pytest.raises(SandboxError, match="closed"):
        ask(judge, SUM)


def test_without_isolation_nothing_runs() -> None:
    with pytest.raises(SandboxError, match="--unsafe"):
        SandboxJudge(1, tier="none")
    with pytest.raises(SandboxError) as refusal:
        SandboxJudge(1, interpreter="/nowhere/python3")
    message = str(refusal.value)
    assert "bubblewrap:" in message and "landlock:" in message
    assert "/nowhere/python3" in message and "Any one of these mends it" in message


def test_unsafe_runs_and_says_so() -> None:
    with SandboxJudge(1, tier="none", unsafe=True) as judge:
        got = ask(judge, SUM)
        assert got.verdict is Verdict.AC
        assert got.isolation.tier == "none"


def test_without_bubblewrap_the_second_tier_serves(tmp_path: Path) -> None:
    code = "from mapcoder_lite.judge.judge import SandboxJudge\n"
    code += "with SandboxJudge(1) as judge: print(judge.isolation.tier)"
    env = {"PATH": str(tmp_path), "PYTHONPATH": str(SOURCES)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    if done.returncode and "landlock: Landlock" in done.stderr:
        pytest.skip("no Landlock here")
    assert done.stdout == "landlock\n", done.stderr


def test_nothing_outlives_a_killed_host() -> None:
    code = """
import os, subprocess, sys
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.problem import *
judge = SandboxJudge(1)
print("started", flush=True)
how = {"limits": Limits(cpu_seconds=60.0), "checker": Checker()}
judge.judge("while True: pass", Language.PYTHON, [Test(input="", outputs=("",))], **how)
"""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES)}
    host = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env=env, text=True
    )
    assert host.stdout is not None
    assert host.stdout.readline() == "started\n"
    time.sleep(0.3)
    family = descendants(host.pid)
    assert len(family) >= 3  # worker, template, child
    host.kill()
    host.wait()
    host.stdout.close()
    deadline = time.monotonic() + 10
    while any(is_alive(pid) for pid in family) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [pid for pid in family if is_alive(pid)] == []


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_program_that_sleeps_does_not_stop_the_others(judge: SandboxJudge) -> None:
    # it uses a tenth of its CPU time, as if it were starved, and sleeps
    limits = LIMITS.model_copy(update={"cpu_seconds": 0.3})
    program = "import time\nend = time.process_time() + 0.04\n"
    program += "while time.process_time() < end: pass\ntime.sleep(100)"
    started = time.monotonic()
    got = judge.judge(program, Language.PYTHON, TESTS, limits=limits, checker=Checker())
    assert got.verdict is Verdict.TLE
    assert got.num_run == 4
    # the wall limit of a run is 2.9 s; one of four is run again, and again ended when it sleeps
    assert got.num_retried == 1
    assert time.monotonic() - started < 5 * 2.9 + 4


def test_what_no_file_can_hold_is_shown_otherwise(judge: SandboxJudge) -> None:
    got = ask(judge, "raise ValueError('\\ud800' + 'x' * 100_000)")
    assert Judgement.model_validate_json(got.model_dump_json()).verdict is Verdict.RE


def test_a_record_says_what_was_asked(judge: SandboxJudge) -> None:
    got = ask(judge, SUM)
    assert (got.language, got.limits) == (Language.PYTHON, LIMITS)
