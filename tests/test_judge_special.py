"""Custom checkers in the sandbox: both protocols, several languages, and what fails them."""

from collections.abc import Iterator

import pytest

from mapcoder_lite.errors import InputError, SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.languages import missing_tools, toolchain_of
from mapcoder_lite.problem import Checker, CheckerKind, Language, Limits, Test
from mapcoder_lite.verdict import Judgement, Verdict

# any two numbers with the right sum are right
TESTLIB_PYTHON = """
import sys
wanted = int(open(sys.argv[1]).read())
answer = open(sys.argv[3]).read().split()
try:
    got = list(map(int, open(sys.argv[2]).read().split()))
except ValueError:
    sys.stderr.write("numbers expected")
    exit(2)
if len(got) != 2 or sum(got) != wanted:
    sys.stderr.write(f"the sum of {got} is not {wanted}")
    exit(1)
exit(0 if len(answer) == 2 else 3)
"""
KATTIS_PYTHON = """
import sys
wanted = int(open(sys.argv[1]).read())
open(sys.argv[3] + "judgemessage.txt", "w").write("looked at")
exit(42 if sum(map(int, sys.stdin.read().split())) == wanted else 43)
"""
TESTLIB_CPP = """
#include <fstream>
int main(int argc, char** argv) {
    std::ifstream in(argv[1]), out(argv[2]);
    int wanted, a, b;
    in >> wanted;
    return out >> a >> b ? a + b != wanted : 2;
}
"""
TEST = Test(input="10\n", outputs=("5 5",))


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def judge(request: pytest.FixtureRequest) -> Iterator[SandboxJudge]:
    try:
        made = SandboxJudge(1, tier=request.param)
    except SandboxError as error:
        pytest.skip(str(error))
    with made:
        yield made


def ask(judge: SandboxJudge, program: str, checker: Checker, *tests: Test) -> Judgement:
    asked = tests or (TEST,)
    return judge.judge(program, Language.PYTHON, asked, limits=Limits(), checker=checker)


def custom(program: str | None, language: Language = Language.PYTHON, **more: str) -> Checker:
    return Checker.model_validate(
        {"kind": CheckerKind.CUSTOM, "program": program, "language": language, **more}
    )


@pytest.mark.parametrize(
    ("printed", "verdict", "reason"),
    [
        ("3 7", Verdict.AC, ""),
        ("3 8", Verdict.WA, "wrong answer: the sum of [3, 8] is not 10"),
        ("three seven", Verdict.WA, "wrong format: numbers expected"),
    ],
)
def test_testlib(judge: SandboxJudge, printed: str, verdict: Verdict, reason: str) -> None:
    got = ask(judge, f"print({printed!r})", custom(TESTLIB_PYTHON))
    assert got.verdict is verdict
    assert (got.first_failure.reason if got.first_failure else "") == reason


def test_kattis(judge: SandboxJudge) -> None:
    checker = custom(KATTIS_PYTHON, protocol="kattis")
    tests = (TEST, Test(input="4\n", outputs=("2 2",)))
    assert ask(judge, "n = int(input())\nprint(n - 1, 1)", checker, *tests).is_accepted
    got = ask(judge, "print(9, 1)", checker, *tests)
    assert [run.verdict for run in got.results] == [Verdict.AC, Verdict.WA]
    assert got.first_failure is not None
    assert got.first_failure.reason == "wrong answer: looked at"


def test_a_compiled_checker(judge: SandboxJudge) -> None:
    if missing_tools(toolchain_of(Language.CPP)):
        pytest.skip("g++ is absent")
    checker = custom(TESTLIB_CPP, Language.CPP)
    assert ask(judge, "print(4, 6)", checker).verdict is Verdict.AC
    assert ask(judge, "print(4, 7)", checker).verdict is Verdict.WA
    assert ask(judge, "print('x')", checker).verdict is Verdict.WA


def test_the_checker_has_no_word_where_the_program_failed(judge: SandboxJudge) -> None:
    checker = custom("import os\nos._exit(0)")
    assert ask(judge, "print(1 // 0)", checker).verdict is Verdict.RE


@pytest.mark.parametrize(
    "checker",
    [
        "import os\nos._exit(3)",
        "raise SystemExit(99)",
        "import os\nos.kill(os.getppid(), 9)",
        "x = bytearray(1 << 40)",
        "while True: pass",
    ],
)
def test_a_checker_that_fails_is_a_fault_of_the_judge(judge: SandboxJudge, checker: str) -> None:
    if "while" in checker and judge.isolation.tier == "bubblewrap":
        pytest.skip("15 s of CPU time: tried in one tier")
    got = ask(judge, "print(5, 5)", custom(checker))
    assert got.verdict is Verdict.IE
    assert got.first_failure is not None
    assert "the checker failed" in got.first_failure.reason


@pytest.mark.parametrize(
    ("checker", "message"),
    [
        (custom(None), "needs its program"),
        (custom("int main( {", Language.CPP), "does not compile"),
    ],
)
def test_a_checker_that_cannot_be_used_is_refused(
    judge: SandboxJudge, checker: Checker, message: str
) -> None:
    if missing_tools(toolchain_of(checker.language)):
        pytest.skip("g++ is absent")
    with pytest.raises(InputError, match=message):
        ask(judge, "print(5, 5)", checker)


def test_a_checker_sees_nothing_else_and_writes_only_feedback(judge: SandboxJudge) -> None:
    attempts = """
import os, sys
def is_refused(attempt):
    try:
        attempt()
    except OSError:
        return True
attempts = [
    lambda: open("/etc/passwd"), lambda: open("left", "w"), lambda: open(sys.argv[1], "w"),
    os.fork, lambda: os.kill(os.getppid(), 0), lambda: os.execv("/usr/bin/id", ["id"]),
    lambda: open("/tmp/left", "w"), lambda: __import__("socket").socket(),
]
refused = [bool(is_refused(attempt)) for attempt in attempts]
open(sys.argv[3] + "judgemessage.txt", "w").write(str(refused))
exit(42 if all(refused) else 43)
"""
    got = ask(judge, "print()", custom(attempts, protocol="kattis"))
    assert got.verdict is Verdict.AC, got.first_failure
