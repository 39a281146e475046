"""Programs that import numpy are judged where it is loaded already; the others never see it."""

from collections.abc import Iterator

import pytest

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.packages import numpy_folder, wants_numpy
from mapcoder_lite.judge.sandbox import choose_interpreter, user_to_become
from mapcoder_lite.problem import Checker, CheckerKind, Language, Limits, Test
from mapcoder_lite.verdict import Judgement, Verdict

SUM = "import numpy as np\nprint(np.array(input().split(), dtype=int).sum())\n"
PRODUCT = """\
import numpy
n = int(input())
ones = numpy.ones((n, n))
print(int((ones @ ones).trace()), round(float(numpy.linalg.det(numpy.eye(3)))))
"""
LARGE = "import numpy\nprint(len(numpy.ones(10**9)))\n"


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def judge(request: pytest.FixtureRequest) -> Iterator[SandboxJudge]:
    user = user_to_become()
    if numpy_folder(choose_interpreter(None, user), user) is None:
        pytest.skip("the sandboxed interpreter finds no numpy: install python3-numpy")
    try:
        made = SandboxJudge(1, tier=request.param)
    except SandboxError as error:
        pytest.skip(str(error))
    with made:
        yield made


def judged(
    judge: SandboxJudge, program: str, cases: dict[str, str], checker: Checker = Checker()
) -> Judgement:
    tests = [Test(input=given, outputs=(wanted,)) for given, wanted in cases.items()]
    limits = Limits(cpu_seconds=10.0)
    return judge.judge(program, Language.PYTHON, tests, limits=limits, checker=checker)


def test_numpy_is_there(judge: SandboxJudge) -> None:
    got = judged(judge, SUM, {"1 2\n": "3", "5 6 7\n": "18"})
    assert got.verdict is Verdict.AC, got.first_failure
    assert judged(judge, PRODUCT, {"300\n": "90000 1"}).verdict is Verdict.AC


def test_its_programs_are_limited_like_all(judge: SandboxJudge) -> None:
    assert judged(judge, LARGE, {"": "1000000000"}).verdict is Verdict.MLE
    escape = SUM + "open('/etc/passwd')\n"
    assert judged(judge, escape, {"1 2\n": "3"}).verdict is Verdict.RE


def test_another_program_does_not_find_it_loaded(judge: SandboxJudge) -> None:
    judged(judge, SUM, {"1 2\n": "3"})
    program = "import sys\nprint(any(name.startswith('num' + 'py') for name in sys.modules))\n"
    assert judged(judge, program, {"": "False"}).verdict is Verdict.AC


def test_the_published_judge_had_none(judge: SandboxJudge) -> None:
    got = judged(judge, SUM, {"1 2\n": "3"}, Checker(kind=CheckerKind.EXECEVAL))
    assert got.verdict is Verdict.RE
    assert "ModuleNotFoundError" in got.results[0].stderr_tail


@pytest.mark.parametrize(
    ("program", "wanted"),
    [
        ("import numpy", True),
        ("import sys, numpy as np", True),
        ("m = __import__('numpy')", True),
        ("numpyro = 1", False),
        ("print(1)", False),
    ],
)
def test_who_wants_numpy(program: str, wanted: bool) -> None:
    assert wants_numpy(program) is wanted
