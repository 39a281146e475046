"""What one run amounts to: the precedence of verdicts, and what of it may be shown.

Knows: limits and their margins, signals, excerpts.
Does not know: workers, checkers, whole programs.
"""

import hashlib
import math
import signal
from dataclasses import dataclass, replace

from mapcoder_lite.judge.checker import Mismatch
from mapcoder_lite.judge.languages import Toolchain
from mapcoder_lite.judge.zygote import Ended, Run, RunLimits
from mapcoder_lite.problem import Language, Limits, Test
from mapcoder_lite.verdict import FirstFailure, TestResult, Verdict

ADDRESS_SPACE_MARGIN_BYTES = 768 << 20
"""Above the memory limit: interpreter, libraries, and a 512 MB thread stack that is reserved but
hardly touched, a common contest idiom. What is touched counts by resident memory."""

KILL_FACTOR = 1.5
"""A run goes on this far past its CPU limit, so that a near miss can be told from a loop. Seen: a
program that takes 5.3 s alone took more than 6.9 s beside another on the next core."""

MIN_STARVED_SHARE = 0.05
"""A run that met its deadline after this share of its CPU limit may have been starved by other
processes; below, it slept."""

PATIENCE = 10
"""How many times the wall limit a doubtful run gets when it is run again. Seen: a program that got
0.7 s of CPU in 20 s beside high-priority training; it would need 170 s to meet a limit of 6 s."""

EXCERPT_CHARACTERS = 500
STDERR_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict on one run, with the run unless there was none."""

    verdict: Verdict
    run: Run | None = None
    reason: str = ""
    is_doubtful: bool = False
    """Whether a busy machine may have caused it; run again once."""
    answer: str | None = None
    """What a tested function answered last, as text; None where programs print."""

    @property
    def met_deadline(self) -> bool:
        """Whether the run was ended for the time on the clock, not for its CPU time."""
        return self.run is not None and self.run.ended is Ended.BY_DEADLINE

    @property
    def printed(self) -> str:
        """All that the program printed, as text; bytes that are no UTF-8 become the mark for it."""
        return self.run.stdout.decode("utf-8", "replace") if self.run else ""

    def compared(self, mismatch: Mismatch | None) -> "Outcome":
        """Return the outcome after the checker's word."""
        if mismatch is None:
            return self
        return replace(self, verdict=Verdict.WA, reason=mismatch.reason)

    def result(self, show_tests: bool) -> TestResult:
        """Return the record; without the streams, which may echo a hidden test, unless shown."""
        run = self.run
        if run is None:
            return TestResult(verdict=self.verdict)
        return TestResult(
            verdict=self.verdict,
            cpu_ms=run.cpu_ms,
            wall_ms=run.wall_ms,
            rss_kb=run.rss_kb,
            exit_code=run.exit_code,
            signal=run.signal,
            stdout_sha256=hashlib.sha256(run.stdout).hexdigest(),
            stdout_bytes=run.stdout_bytes,
            stdout_excerpt=excerpt(run.stdout) if show_tests else "",
            is_truncated=run.stdout_bytes > len(run.stdout) or self.verdict is Verdict.OLE,
            stderr_tail=stderr_text(run)[-STDERR_CHARACTERS:] if show_tests else "",
        )


@dataclass(slots=True)
class Retries:
    """How often a program's runs were repeated, as the judgement records it."""

    num_retried: int = 0
    num_doubtful: int = 0
    num_flipped: int = 0

    def add_doubtful(self, *, is_flipped: bool) -> None:
        """Count a doubtful run that was run again alone."""
        self.num_retried += 1
        self.num_doubtful += 1
        self.num_flipped += is_flipped


def limits_of_run(
    limits: Limits,
    speed_factor: float,
    toolchain: Toolchain,
    *,
    is_execeval: bool,
) -> RunLimits:
    """Return what the kernel enforces: CPU a little above the limit, wall time for sleepers."""
    cpu_seconds = limits.cpu_seconds * speed_factor
    wall_ms = math.ceil((3 * cpu_seconds + 2) * 1000)
    is_by_address = toolchain.memory_kind == "address_space"
    margin = 0 if is_execeval else ADDRESS_SPACE_MARGIN_BYTES
    memory_bytes = limits.memory_bytes + toolchain.memory_overhead_bytes
    data_bytes = memory_bytes + toolchain.data_margin_bytes
    return RunLimits(
        cpu_ms=math.ceil(cpu_seconds * KILL_FACTOR * 1000),
        wall_ms=wall_ms,
        stall_ms=wall_ms,
        address_space_bytes=limits.memory_bytes + margin if is_by_address else 0,
        data_bytes=0 if is_by_address else data_bytes,
        stack_bytes=toolchain.stack_bytes,
        output_bytes=limits.output_bytes,
        has_site=not is_execeval,
    )


def patient(limits: RunLimits) -> RunLimits:
    """Return the limits of a doubtful run that is run again."""
    return replace(limits, wall_ms=limits.wall_ms * PATIENCE)


def outcome_of(
    run: Run, limits: Limits, speed_factor: float, toolchain: Toolchain, image_bytes: int = 0
) -> Outcome:
    """Say what ended a run: TLE, OLE, MLE, SEC, RE in this order; AC leaves it to the checker.

    `image_bytes` is what an executable takes before it does anything; too much ends it at once.
    """
    cpu_limit_ms = limits.cpu_seconds * speed_factor * 1000
    is_killed = run.ended is not Ended.BY_ITSELF or run.signal == signal.SIGXCPU
    if is_killed or run.cpu_ms > cpu_limit_ms:
        return too_late(run, cpu_limit_ms, is_killed=is_killed)
    if max(run.stdout_bytes, run.stderr_bytes) >= limits.output_bytes:
        return Outcome(Verdict.OLE, run, f"wrote the limit of {limits.output_bytes} bytes")
    memory_bytes = limits.memory_bytes + toolchain.memory_overhead_bytes
    if run.rss_kb * 1024 > memory_bytes or is_out_of_memory(run, toolchain):
        limit = f"limit {memory_bytes >> 20} MB"
        return Outcome(Verdict.MLE, run, f"{run.rss_kb >> 10} MB of memory at its peak, {limit}")
    if run.signal == signal.SIGSYS:
        return Outcome(Verdict.SEC, run, "made a forbidden system call")
    if run.signal is not None and image_bytes > limits.memory_bytes:
        size, limit = image_bytes >> 20, limits.memory_bytes >> 20
        return Outcome(Verdict.MLE, run, f"{size} MB of memory at its start, limit {limit} MB")
    if run.signal is not None:
        return Outcome(Verdict.RE, run, f"ended by {signal_name(run.signal)}")
    if run.exit_code != 0:
        return Outcome(Verdict.RE, run, f"exit code {run.exit_code}")
    return Outcome(Verdict.AC, run)


def too_late(run: Run, cpu_limit_ms: float, *, is_killed: bool) -> Outcome:
    """Say by what a run was too slow, and whether a busy machine may be to blame."""
    used = f"{run.cpu_ms / 1000:.2f} s of CPU time, limit {cpu_limit_ms / 1000:.2f} s"
    if run.ended is Ended.BY_DEADLINE:
        is_starved = run.cpu_ms > MIN_STARVED_SHARE * cpu_limit_ms
        reason = f"still running after {run.wall_ms / 1000:.2f} s ({used})"
        return Outcome(Verdict.TLE, run, reason, is_doubtful=is_starved)
    return Outcome(Verdict.TLE, run, used, is_doubtful=not is_killed)


def is_killed_from_outside(run: Run) -> bool:
    """Whether neither we ended it nor, in all likelihood, it itself: a machine short of memory may
    have."""
    return run.ended is Ended.BY_ITSELF and run.signal == signal.SIGKILL


def is_out_of_memory(run: Run, toolchain: Toolchain) -> bool:
    """Whether it failed for want of memory; a program that feigns it only accuses itself."""
    if run.exit_code == 0:
        return False
    if toolchain.language is Language.PYTHON:
        last_line = run.stderr_tail.rstrip().rpartition(b"\n")[2]
        return run.exit_code == 1 and last_line.startswith(b"MemoryError")
    return any(words in run.stderr_tail for words in toolchain.out_of_memory)


def first_failure(index: int, test: Test, outcome: Outcome, show_tests: bool) -> FirstFailure:
    """Describe the first failure; of a hidden test only its index and verdict."""
    if not show_tests:
        return FirstFailure(index=index, verdict=outcome.verdict)
    reason = outcome.reason
    if outcome.verdict is Verdict.RE and outcome.run:
        last_line = stderr_text(outcome.run).rstrip().rpartition("\n")[2]
        reason = reason if last_line in reason else f"{reason}: {last_line}"
    return FirstFailure(
        index=index,
        verdict=outcome.verdict,
        input_excerpt=shorten(test.input),
        expected_excerpt=shorten(test.outputs[0]),
        got_excerpt=got_excerpt(outcome),
        reason=shorten(reason),
    )


def got_excerpt(outcome: Outcome) -> str | None:
    """Return the start of what the program printed, or of what its function answered."""
    if outcome.answer is not None:
        return shorten(outcome.answer)
    return excerpt(outcome.run.stdout) if outcome.run else None


def excerpt(stream: bytes) -> str:
    """Return the start of a stream as text, marked where it was cut."""
    return shorten(stream[: 8 * EXCERPT_CHARACTERS].decode("utf-8", "replace"))


def shorten(text: str) -> str:
    """Cut a text to the excerpt's length and say so; what no file can hold becomes `?`."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    if len(text) <= EXCERPT_CHARACTERS:
        return text
    return text[:EXCERPT_CHARACTERS] + "… (cut)"


def stderr_text(run: Run) -> str:
    """Return the end of the error stream as text."""
    return run.stderr_tail.decode("utf-8", "replace")


def signal_name(number: int) -> str:
    """Return a signal's name, or its number when it has none here."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
