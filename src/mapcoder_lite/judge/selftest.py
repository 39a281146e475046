"""Programs whose verdicts are known, judged before any accuracy is believed.

Knows: gold programs and known-bad ones, and the verdict that each must get.
Does not know: how programs are run.
"""

from dataclasses import dataclass

from mapcoder_lite.problem import Checker, Language, Limits, Test
from mapcoder_lite.verdict import Judge, Verdict

LIMITS = Limits(cpu_seconds=0.5, memory_bytes=128 << 20, output_bytes=1 << 20)
SUM_TESTS = (Test(input="1 2\n", outputs=("3",)), Test(input="40 2 1\n", outputs=("43",)))


@dataclass(frozen=True, slots=True)
class Known:
    """A program and the verdicts that are right for it."""

    name: str
    program: str
    verdicts: frozenset[Verdict]


@dataclass(frozen=True, slots=True)
class SelftestRow:
    """What a known program got."""

    name: str
    expected: tuple[Verdict, ...]
    got: Verdict

    @property
    def is_right(self) -> bool:
        """Whether the judge said what it must."""
        return self.got in self.expected


@dataclass(frozen=True, slots=True)
class SelftestReport:
    """The judge examined."""

    rows: tuple[SelftestRow, ...]

    @property
    def is_trusted(self) -> bool:
        """Whether every verdict was right."""
        return all(row.is_right for row in self.rows)

    @property
    def wrong_rows(self) -> tuple[SelftestRow, ...]:
        """The rows that were not right."""
        return tuple(row for row in self.rows if not row.is_right)


def _known(name: str, program: str, *verdicts: Verdict) -> Known:
    return Known(name, program, frozenset(verdicts))


GOLD = "print(sum(map(int, input().split())))\n"
KNOWN = (
    _known("gold", GOLD, Verdict.AC),
    _known("gold, exit()", GOLD + "exit()\n", Verdict.AC),
    _known("wrong sum", "print(3)\n", Verdict.WA),
    _known("no output", "pass\n", Verdict.WA),
    _known("nan", "print('nan')\n", Verdict.WA),
    _known("success without output", "import os\nos._exit(0)\n", Verdict.WA),
    _known("exception", "print(1 // 0)\n", Verdict.RE),
    _known("exit code", GOLD + "import sys\nsys.exit(77)\n", Verdict.RE),
    _known("syntax", "print(\n", Verdict.CE),
    _known("loop", "while True: pass\n", Verdict.TLE),
    _known("memory", "x = [bytearray(1 << 20) for _ in range(200)]\n", Verdict.MLE),
    _known("output", "while True: print('x' * 65536)\n", Verdict.OLE),
    _known("fork", "import os\nos.fork()\n", Verdict.RE),
    _known("socket", "import socket\nsocket.socket()\n", Verdict.RE),
    _known("reading", "print(open('/etc/passwd').read())\n", Verdict.RE),
    _known(
        "ptrace",
        "import ctypes\nctypes.CDLL(None).ptrace(0, 0, 0, 0)\nprint(3)\n",
        Verdict.SEC,
    ),
    _known("gold again", GOLD, Verdict.AC),
)


def run_selftest(judge: Judge) -> SelftestReport:
    """Judge every known program.

    Raises:
        SandboxError: the judge could not judge.
    """
    rows: list[SelftestRow] = []
    for known in KNOWN:
        judgement = judge.judge(
            known.program,
            Language.PYTHON,
            SUM_TESTS,
            limits=LIMITS,
            checker=Checker(),
            stop_early=True,
        )
        expected = tuple(sorted(known.verdicts))
        rows.append(SelftestRow(known.name, expected, judgement.verdict))
    return SelftestReport(tuple(rows))
