"""Tests of functions: calls answered by the program's process, judged where it cannot reach.

`function` tests are compared here. `asserts` are run by a second sandboxed process, which alone
talks to the program; both report what they saw, the kernel's word on the run comes first.

Knows: the calls and their replies, typed comparison, what a report means.
Does not know: workers, retries, whole programs.
"""

import json
import math
import os
import signal
import time
from dataclasses import dataclass, replace
from typing import Any  # JSON, and what a program answered

from mapcoder_lite.errors import InputError
from mapcoder_lite.judge.descriptors import channel, memory_file
from mapcoder_lite.judge.inside.calls import (
    MISSING,
    RAISED,
    RETURNED,
    Caller,
    Channel,
    Gone,
    Silent,
)
from mapcoder_lite.judge.inside.examine import FAILED, FAULTY, GONE, LACKS, PASSED, THREW
from mapcoder_lite.judge.inside.values import HANDLE, Unsendable, encode, is_object
from mapcoder_lite.judge.inside.wire import FLAG_CALLS, FLAG_EXAMINE
from mapcoder_lite.judge.outcome import Outcome, shorten
from mapcoder_lite.judge.typed import difference, show
from mapcoder_lite.judge.zygote import (
    GRACE_SECONDS,
    Ended,
    Run,
    RunLimits,
    Template,
    WorkerLost,
)
from mapcoder_lite.problem import Checker, CheckerKind, Io, Language, Test
from mapcoder_lite.verdict import Verdict

CLASS_OF_METHODS = "Solution"
"""Where an entry point is looked for when it is no global name, as contest sites do."""

EXAMINER_SECONDS = 5.0
"""How much longer than the program its examiner may run, so that the program's end is seen."""
EXAMINER_MEMORY_BYTES = 1 << 30
PRINTED_ONLY = (CheckerKind.CUSTOM, CheckerKind.EXECEVAL)
MAX_REPORT_BYTES = 1 << 16

VERDICTS = {
    PASSED: Verdict.AC,
    FAILED: Verdict.WA,
    THREW: Verdict.RE,
    LACKS: Verdict.RE,
    GONE: Verdict.RE,
    FAULTY: Verdict.IE,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the asking side saw of one test."""

    verdict: Verdict
    reason: str = ""
    shown: str = ""
    """The value that the program answered last."""
    is_doubtful: bool = False

    def on(self, run: Outcome) -> Outcome:
        """Return the outcome: how the program ended outranks what it answered."""
        if run.verdict is not Verdict.AC:
            return replace(run, answer=self.shown)
        return replace(
            run,
            verdict=self.verdict,
            reason=self.reason,
            answer=self.shown,
            is_doubtful=self.is_doubtful,
        )


def refuse_faulty(language: Language, tests: tuple[Test, ...], io: Io, checker: Checker) -> None:
    """Refuse tests of functions that cannot be asked.

    Raises:
        InputError: the language has no functions here, a test is not of the kind's form, or the
            checker reads what programs print.
    """
    if io.kind == "stdio":
        return
    if language is not Language.PYTHON:
        raise InputError(f"{io.kind} tests are for python only, not for {language.value}")
    if checker.kind in PRINTED_ONLY:
        raise InputError(f"checker {checker.kind.value!r} reads what programs print, not values")
    if io.kind == "asserts":
        return
    if io.entry_point is None:
        raise InputError("function tests need an entry point")
    for index, test in enumerate(tests):
        try:
            is_array = isinstance(json.loads(test.input, parse_float=finite), list)
            for output in test.outputs:
                json.loads(output, parse_float=finite)
        except (ValueError, RecursionError) as error:
            raise InputError(f"function test {index} is not JSON: {error}") from error
        if not is_array:
            raise InputError(f"function test {index}: the input is not an array of arguments")


def finite(text: str) -> float:
    """Read a number; one that is beyond all floats would become an infinity that nobody wrote."""
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{shorten(text)} is beyond what a float holds")
    return number


def call_function(
    template: Template, test: Test, entry_point: str, checker: Checker, limits: RunLimits
) -> tuple[Run, Answer]:
    """Call the entry point with a test's arguments and compare what comes back.

    Raises:
        InputError: the arguments are nested too deeply.
        WorkerLost: the sandbox failed.
    """
    try:
        sent = [encode(argument, refuse_handle) for argument in json.loads(test.input)]
    except Unsendable as error:
        raise InputError(f"the arguments of {entry_point} cannot be sent: {error}") from error
    expected = [json.loads(output) for output in test.outputs]
    allowance = 4 * max(map(len, test.outputs))
    with channel() as (ours, theirs):
        more = [theirs.fileno()]
        with template.running(b"", limits, flags=FLAG_CALLS, more_fds=more) as ended:
            theirs.close()
            deadline = time.monotonic() + limits.wall_ms / 1000 + GRACE_SECONDS
            caller = Caller(Channel(ours.fileno(), deadline), allowance)
            try:
                answer = ask(caller, entry_point, sent, expected, checker)
            except Gone as error:
                answer = Answer(Verdict.RE, str(error))
            except Silent:
                raise WorkerLost("a program neither answered nor ended") from None
            ours.close()
            return ended(), answer


def ask(
    caller: Caller, entry_point: str, sent: list[Any], expected: list[Any], checker: Checker
) -> Answer:
    """Make the one call of a function test.

    Raises:
        Gone: the program answers no more.
        Silent: the deadline came first.
    """
    caller.wait_ready()
    reply = caller.ask("call", entry_point, sent, {})
    if reply[0] == MISSING:
        method = find_method(caller, entry_point)
        if method is None:
            return Answer(Verdict.RE, f"the program does not define {entry_point}")
        reply = caller.ask("call", method, sent, {})
    if reply[0] == RAISED and len(reply) == 4:
        return Answer(Verdict.RE, f"{entry_point} raised {reply[2]}: {shorten(str(reply[3]))}")
    if reply[0] != RETURNED:
        return Answer(Verdict.RE, f"what {entry_point} answers cannot be read: {reply[1]}")
    shown = show(reply[1])
    differences = [difference(reply[1], value, checker) for value in expected]
    if None in differences:
        return Answer(Verdict.AC, shown=shown)
    return Answer(Verdict.WA, differences[0] or "", shown)


def find_method(caller: Caller, name: str) -> int | None:
    """Return the handle of a method of a fresh `Solution`, if the program has that class."""
    made = caller.ask("call", CLASS_OF_METHODS, [], {})
    if not is_handle(made):
        return None
    method = caller.ask("get", made[1][HANDLE], name)
    return method[1][HANDLE] if is_handle(method) else None


def is_handle(reply: list[Any]) -> bool:
    """Whether a reply is an object that stays with the program."""
    value = reply[1]
    return reply[0] == RETURNED and is_object(value) and type(value.get(HANDLE)) is int


def refuse_handle(value: object) -> int:
    """Say that JSON holds only what can travel."""
    raise InputError(f"a {type(value).__name__} is not JSON")


def examine_program(
    template: Template, examiner: Template, test: Test, io: Io, limits: RunLimits
) -> tuple[Run, Answer]:
    """Run test code in a process of its own against the program in its.

    Raises:
        WorkerLost: the sandbox failed.
    """
    task = json.dumps({"source": test.input, "entry_point": io.entry_point}).encode()
    with channel() as (ours, theirs), memory_file() as report:
        program_fds, examiner_fds = [theirs.fileno()], [ours.fileno(), report]
        own = examiner_limits(limits)
        with (
            template.running(b"", limits, flags=FLAG_CALLS, more_fds=program_fds) as ended,
            examiner.running(task, own, flags=FLAG_EXAMINE, more_fds=examiner_fds) as examined,
        ):
            theirs.close()
            ours.close()
            answer = read_report(examined(), os.pread(report, MAX_REPORT_BYTES, 0))
            return ended(), answer


def examiner_limits(limits: RunLimits) -> RunLimits:
    """Return what the test code itself may use: always more time than the program."""
    milliseconds = int(EXAMINER_SECONDS * 1000)
    return replace(
        limits,
        cpu_ms=limits.cpu_ms + milliseconds,
        wall_ms=limits.wall_ms + milliseconds,
        stall_ms=0,  # it waits for the program
        address_space_bytes=EXAMINER_MEMORY_BYTES,
        has_site=True,
    )


def read_report(run: Run, report: bytes) -> Answer:
    """Say what the test code found; without a report, what ended it."""
    if report:
        try:
            kind, reason, shown = json.loads(report)
        except ValueError as error:
            return Answer(Verdict.IE, f"what the test code reports cannot be read: {error}")
        return Answer(VERDICTS[kind], reason, shown)
    if run.ended is not Ended.BY_ITSELF:
        reason = f"the test code did not end in {run.wall_ms / 1000:.2f} s"
        return Answer(Verdict.TLE, reason, is_doubtful=run.ended is Ended.BY_DEADLINE)
    if run.stderr_tail.endswith(b"MemoryError()"):  # nothing was left to report it with
        return Answer(Verdict.WA, "the test code ran out of memory")
    said = run.stderr_tail.decode("utf-8", "replace").rstrip().rpartition("\n")[2]
    ending = f"signal {run.signal}" if run.signal else f"exit code {run.exit_code}"
    reason = f"the test code ended its process: {ending} {said}".rstrip()
    # killed, but not at a limit: by somebody else, and not twice
    return Answer(Verdict.IE, reason, is_doubtful=run.signal == signal.SIGKILL)
