"""Programs for the soak, the verdict that each must get, how often each comes.

Knows: programs, also of the hostile corpus, whose names say their verdicts.
Does not know: how they are judged.
"""

from dataclasses import dataclass
from pathlib import Path

from mapcoder_lite.judge.languages import language_of
from mapcoder_lite.problem import Language, Limits, Test
from mapcoder_lite.verdict import Verdict

PROGRAMS = Path(__file__).parents[1] / "tests" / "corpus" / "programs"
LIMITS = Limits(cpu_seconds=0.2, memory_bytes=64 << 20, output_bytes=1 << 20)
ROOMY = Limits(cpu_seconds=10.0, memory_bytes=256 << 20, output_bytes=1 << 20)
SUM = "print(sum(map(int, input().split())))\n"
TEST = Test(input="1 2\n", outputs=("3\n",))


@dataclass(frozen=True)
class Kind:
    """One sort of program: how often it comes, what its verdict must be."""

    name: str
    weight: int
    program: str
    verdicts: frozenset[Verdict]
    tests: tuple[Test, ...] = (TEST,)
    limits: Limits = ROOMY
    language: Language = Language.PYTHON


def known(
    name: str,
    weight: int,
    program: str,
    *verdicts: Verdict,
    tests: tuple[Test, ...] = (TEST,),
    limits: Limits = ROOMY,
) -> Kind:
    return Kind(name, weight, program, frozenset(verdicts), tests, limits)


TEN = tuple(Test(input=f"{n} 1\n", outputs=(f"{n + 1}\n",)) for n in range(10))
BIG = Test(input="", outputs=("7" * 400_000,))
PYTHON = [
    known("accepted", 30, SUM, Verdict.AC),
    known("accepted, ten tests", 10, SUM, Verdict.AC, tests=TEN),
    known("accepted, large output", 4, "print('7' * 400_000)", Verdict.AC, tests=(BIG,)),
    known(
        "accepted, threads",
        3,
        f"import threading\nthreading.Thread(target=lambda: {SUM.strip()}).start()",
        Verdict.AC,
    ),
    known("wrong", 12, "print(4)", Verdict.WA),
    known("silent", 4, "import os\nos._exit(0)", Verdict.WA),
    known("loop", 3, "while True: pass", Verdict.TLE, limits=LIMITS),
    known("sleep", 1, "import time\ntime.sleep(100)", Verdict.TLE, limits=LIMITS),
    known(
        "memory",
        4,
        "x = bytearray(b'1') * (100 << 20)\nprint(3)",
        Verdict.MLE,
        limits=ROOMY.model_copy(update={"memory_bytes": 64 << 20}),
    ),
    known("output", 4, "while True: print('x' * 65536)", Verdict.OLE),
    known("exception", 8, "print(1 // 0)", Verdict.RE),
    known("exit code", 4, "raise SystemExit(77)", Verdict.RE),
    known("crash", 3, "import ctypes\nctypes.string_at(0)", Verdict.RE),
    known("syntax", 8, "print(", Verdict.CE),
    known("deep syntax", 1, "(" * 50_000 + ")" * 50_000, Verdict.CE, Verdict.RE),
]


CORPUS = {
    "re_sec-subprocess.py": 1,
    "re_sec-kill-the-parent.py": 1,
    "re_sec-kill-everybody.py": 1,
    "re_sec-ptrace-me.py": 1,
    "re_sec-password-file.py": 1,
    "re_sec-tcp.py": 1,
    "re_sec-fork-by-int-0x80.py": 1,
    "ok_re-frame-walk-to-the-judge-s-own-run.py": 1,
    "ok_re-reply-on-every-descriptor.py": 1,
    "ac-honest.c": 8,
    "ac-honest.cpp": 8,
    "wa-success-without-output.c": 2,
    "re-segmentation-fault.c": 2,
    "re_sec-fork.c": 1,
    "re_sec-execve.c": 1,
    "re_sec-kill-everybody.c": 1,
    "ce-syntax-error.c": 1,
    "ac-honest.go": 1,
    "ac-honest.rs": 1,
    "ac-honest.js": 1,
    "ac-honest.rb": 1,
    "ac-honest.php": 1,
    "ac-honest.java": 1,
    "ac-honest.cs": 1,
    "re_sec-subprocess.js": 1,
    "re_sec-subprocess.java": 1,
}
"""Files of the hostile corpus, whose names say the verdicts, and how often each comes."""


def from_corpus(name: str, weight: int) -> Kind:
    path = PROGRAMS / name
    words = name.partition("-")[0].replace("ok", "wa").upper().split("_")
    verdicts = frozenset(map(Verdict, words))
    expected = "3" if verdicts == {Verdict.AC} else "what no program knows"
    tests = (Test(input="1 2\n", outputs=(expected,)),)
    program = path.read_text(encoding="utf-8")
    return Kind(name, weight, program, verdicts, tests, ROOMY, language_of(path))
