"""What a judge says of a program, and the promise that a judge makes.

Knows: verdicts, measurements, isolation as reported.
Does not know: how programs are run.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal, Protocol

from mapcoder_lite.problem import Checker, Io, Language, Limits, Record, Test

SCHEMA_VERSION = 1

JUDGE_VERSION = 1
"""Of the rules by which the judge comes to its verdicts: checkers, limits, how each language is
compiled and run. It is raised whenever any program could get another verdict than before;
tests/test_judge_version.py notices when the rules change."""


class Verdict(StrEnum):
    """The judge's word on a run or a program."""

    AC = "AC"
    """Accepted."""
    WA = "WA"
    """Wrong answer."""
    TLE = "TLE"
    """Time limit exceeded."""
    MLE = "MLE"
    """Memory limit exceeded."""
    OLE = "OLE"
    """Output limit exceeded."""
    RE = "RE"
    """Runtime error."""
    CE = "CE"
    """Compile error."""
    SEC = "SEC"
    """Killed for a forbidden system call."""
    IE = "IE"
    """Internal error: the judge's fault, never counted as wrong."""
    SK = "SK"
    """Skipped: not run."""


class TestResult(Record):
    """One run of a program on one test."""

    __test__ = False

    verdict: Verdict
    cpu_ms: float = 0.0
    wall_ms: float = 0.0
    rss_kb: int = 0
    """Peak resident memory in kibibytes."""
    exit_code: int | None = None
    signal: int | None = None
    stdout_sha256: str = ""
    stdout_bytes: int = 0
    stdout_excerpt: str = ""
    """The start of the output, for feedback on public tests."""
    is_truncated: bool = False
    """Whether the output reached the output limit."""
    stderr_tail: str = ""


class FirstFailure(Record):
    """Where a program first went wrong; excerpts are absent for hidden tests."""

    index: int
    verdict: Verdict
    input_excerpt: str | None = None
    expected_excerpt: str | None = None
    got_excerpt: str | None = None
    reason: str = ""
    """What the checker saw: first differing token and line."""


class Compilation(Record):
    """How the program compiled."""

    is_ok: bool = True
    log: str = ""
    is_cached: bool = False
    milliseconds: float = 0.0


class Isolation(Record):
    """How untrusted programs were kept in."""

    tier: Literal["bubblewrap", "landlock", "none"]
    """bubblewrap = tier 1, landlock = tier 2 (seccomp in both); none only by --unsafe."""
    landlock_abi: int = 0
    filter_sha256: str = ""
    canary: str = ""
    """What the escape canary found before the worker was trusted."""


class Judgement(Record):
    """A judge's full word on one program over a list of tests."""

    schema_version: Literal[1] = SCHEMA_VERSION
    verdict: Verdict
    num_run: int
    num_total: int
    num_passed: int
    results: tuple[TestResult, ...] = ()
    first_failure: FirstFailure | None = None
    compilation: Compilation = Compilation()
    isolation: Isolation
    language: Language = Language.PYTHON
    limits: Limits = Limits()
    """Before they were multiplied by `speed_factor`."""
    checker: str = "tokens"
    speed_factor: float = 1.0
    """Measured slowness of this machine; CPU limits were multiplied by it."""
    num_retried: int = 0
    num_doubtful: int | None = None
    """Runs whose verdict a busy machine may have caused, as near a limit, and that were run again
    alone; None: the judge did not record it."""
    num_flipped: int | None = None
    """Those of them that then got another verdict."""

    @property
    def is_accepted(self) -> bool:
        """Whether every test ran and passed."""
        return self.verdict is Verdict.AC


class Judge(Protocol):
    """Judges programs; safe to call from many threads."""

    def judge(
        self,
        program: str,
        language: Language,
        tests: Sequence[Test],
        *,
        limits: Limits,
        checker: Checker,
        io: Io = Io(),
        stop_early: bool = False,
        show_tests: bool = True,
    ) -> Judgement:
        """Run a program on every test and compare its outputs.

        `stop_early` ends at the first failure; `show_tests` allows excerpts of inputs and
        expected outputs in the judgement (public tests only). No tests at all gives SK, not a pass.

        Raises:
            SandboxError: the judge could not isolate or run programs; never a verdict.
        """
        ...

    @property
    def isolation(self) -> Isolation:
        """How programs are kept in."""
        ...

    def close(self) -> None:
        """End all workers."""
        ...
