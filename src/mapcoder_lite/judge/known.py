"""Programs whose verdicts are known: gold ones and bad ones, for every language of the table.

Python's are many small ones. A compiled language has one program that behaves as its input says,
so that one compilation shows every verdict, and the same program with a bracket too many.

Knows: the programs, their tests and limits, the verdict that each must get.
Does not know: how programs are run, what a wrong verdict leads to.
"""

from dataclasses import dataclass
from pathlib import Path

from mapcoder_lite.judge.languages import toolchain_of
from mapcoder_lite.problem import Io, Language, Limits, Test
from mapcoder_lite.verdict import Verdict

PROGRAMS = Path(__file__).parent / "selftest_programs"

LIMITS = Limits(cpu_seconds=0.5, memory_bytes=128 << 20, output_bytes=1 << 20)
START_LIMITS = LIMITS.model_copy(update={"cpu_seconds": 1.5})
"""Of languages whose machine takes its time to start."""

SUM_TESTS = (Test(input="1 2\n", outputs=("3",)), Test(input="40 2 1\n", outputs=("43",)))

BEHAVIOURS = (
    ("add", Verdict.AC),
    ("wrong", Verdict.WA),
    ("loop", Verdict.TLE),
    ("memory", Verdict.MLE),
    ("crash", Verdict.RE),
    ("read", Verdict.RE),
    ("add", Verdict.AC),
)
"""First words of the input, and the verdict on each test; `read` tries /etc/passwd."""


@dataclass(frozen=True, slots=True)
class Known:
    """A program, what it is asked, and the verdicts that are right for it."""

    name: str
    program: str
    verdict: Verdict
    """On all tests together."""
    language: Language = Language.PYTHON
    tests: tuple[Test, ...] = SUM_TESTS
    verdicts: tuple[Verdict, ...] = ()
    """On each test; empty where only the whole is known."""
    limits: Limits = LIMITS
    io: Io = Io()


def known_programs(language: Language) -> tuple[Known, ...]:
    """Return the known programs of a language."""
    if language is Language.PYTHON:
        return KNOWN
    program = (PROGRAMS / toolchain_of(language).source).read_text(encoding="utf-8")
    return (
        Known(
            "as asked",
            program,
            next(verdict for _, verdict in BEHAVIOURS if verdict is not Verdict.AC),
            language,
            tuple(Test(input=f"{word} 1 2\n", outputs=("3",)) for word, _ in BEHAVIOURS),
            tuple(verdict for _, verdict in BEHAVIOURS),
            START_LIMITS,
        ),
        Known("a bracket too many", f"{program}\n}}{{\n", Verdict.CE, language),
    )


CALLS = (Test(input="[1, 2]", outputs=("3",)), Test(input="[40, 3]", outputs=("43",)))
FORGED = """\
class Any(int):
    def __eq__(self, other):
        return True
    __hash__ = int.__hash__
def add(a, b):
    return Any(0)
"""


def _called(name: str, program: str, verdict: Verdict) -> Known:
    io = Io(kind="function", entry_point="add")
    return Known(name, program, verdict, tests=CALLS, io=io)


GOLD = "print(sum(map(int, input().split())))\n"
KNOWN = (
    Known("gold", GOLD, Verdict.AC),
    Known("gold, exit()", GOLD + "exit()\n", Verdict.AC),
    Known("wrong sum", "print(3)\n", Verdict.WA),
    Known("no output", "pass\n", Verdict.WA),
    Known("nan", "print('nan')\n", Verdict.WA),
    Known("success without output", "import os\nos._exit(0)\n", Verdict.WA),
    Known("exception", "print(1 // 0)\n", Verdict.RE),
    Known("exit code", GOLD + "import sys\nsys.exit(77)\n", Verdict.RE),
    Known("syntax", "print(\n", Verdict.CE),
    Known("loop", "while True: pass\n", Verdict.TLE),
    Known("memory", "x = [bytearray(1 << 20) for _ in range(200)]\n", Verdict.MLE),
    Known("output", "while True: print('x' * 65536)\n", Verdict.OLE),
    Known("fork", "import os\nos.fork()\n", Verdict.RE),
    Known("socket", "import socket\nsocket.socket()\n", Verdict.RE),
    Known("reading", "print(open('/etc/passwd').read())\n", Verdict.RE),
    Known(
        "ptrace",
        "import ctypes\nctypes.CDLL(None).ptrace(0, 0, 0, 0)\nprint(3)\n",
        Verdict.SEC,
    ),
    _called("function", "def add(a, b):\n    return a + b\n", Verdict.AC),
    _called("function that prints", "def add(a, b):\n    print(a)\n    return a + b\n", Verdict.AC),
    _called("equal to everything", FORGED, Verdict.WA),
    _called("function that exits", "import os\ndef add(a, b):\n    os._exit(0)\n", Verdict.RE),
    _called("no function", "def sub(a, b):\n    return a - b\n", Verdict.RE),
    Known("gold again", GOLD, Verdict.AC),
)
"""Python's."""
