"""Nothing that a program does can forge the verdict on its functions; in both isolation tiers."""

from collections.abc import Iterator

import pytest

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.sandbox import Tier
from mapcoder_lite.verdict import Verdict
from test_judge_functions import ADD, ASSERT, CASE, CHECK, call, examine

TIERS: tuple[Tier, ...] = ("bubblewrap", "landlock")


@pytest.fixture(scope="module", params=TIERS)
def judge(request: pytest.FixtureRequest) -> Iterator[SandboxJudge]:
    try:
        made = SandboxJudge(1, tier=request.param)
    except SandboxError as error:
        pytest.skip(str(error))
    with made:
        yield made


FORGERIES = {
    "int subclass that equals all": (
        "class Any(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\n"
        "def add(a, b, c): return Any(0)\n"
    ),
    "object that equals all": (
        "class Any:\n    def __eq__(self, other): return True\ndef add(a, b, c): return Any()\n"
    ),
    "string, list and dict subclasses that equal all": (
        "class S(str):\n    def __eq__(self, other): return True\n"
        "class L(list):\n    def __eq__(self, other): return True\n"
        "def add(a, b, c): return L([S('x')])\n"
    ),
    "frame walk that sets the verdict": (
        "import sys\ndef add(a, b, c):\n    frame = sys._getframe()\n    while frame:\n"
        "        for names in (frame.f_locals, frame.f_globals):\n"
        "            for key in list(names):\n"
        "                if key in ('verdict', 'passed', 'result', 'is_ok', 'kind'):\n"
        "                    names[key] = 'passed'\n"
        "        frame = frame.f_back\n    return 0\n"
    ),
    "frame walk that looks for the expected value": (
        "import sys, gc\ndef add(a, b, c):\n    frame = sys._getframe()\n    while frame:\n"
        "        for value in list(frame.f_locals.values()) + list(frame.f_globals.values()):\n"
        "            if value == 6 or value == '6' or 'assert' in str(value)[:200]: return 6\n"
        "        frame = frame.f_back\n"
        "    if any('== 6' in o for o in gc.get_objects() if type(o) is str): return 6\n"
        "    return 0\n"
    ),
    "sys.exit(0) in the function": "import sys\ndef add(a, b, c): sys.exit(0)\n",
    "sys.exit(0) at import": "import sys\ndef add(a, b, c): return 6\nsys.exit(0)\n",
    "os._exit(0) in the function": "import os\ndef add(a, b, c): os._exit(0)\n",
    "os._exit(0) at import": "import os\nos._exit(0)\n",
    "nothing is defined": "pass\n",
    "AssertionError replaced": (
        "import builtins\nclass Never(BaseException):\n"
        "    def __new__(cls, *a): raise SystemExit(0)\n"
        "builtins.AssertionError = AssertionError = Never\ndef add(a, b, c): return 0\n"
    ),
    "replies written at import": (
        'import os\nfor fd in range(3, 64):\n    for text in (\'["ready"]\', \'["","r",6,null]\','
        ' \'R6\', \'["passed","",""]\'):\n'
        "        try: os.write(fd, text.encode() + b'\\n')\n        except OSError: pass\n"
        "def add(a, b, c): return 0\n"
    ),
    "replies written in the function": (
        "import os\ndef add(a, b, c):\n    for fd in range(3, 64):\n"
        '        for text in (\'["ready"]\', \'["","r",6,null]\', \'["passed","",""]\'):\n'
        "            try: os.write(fd, text.encode() + b'\\n')\n"
        "            except OSError: pass\n    return 0\n"
    ),
    "replies written, then gone": (
        "import os\ndef add(a, b, c):\n"
        '    os.write(@FD@, b\'["x","r",6,null]\\n\')\n    os._exit(0)\n'
    ),
    "builtins wrecked": (
        "import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.abs = lambda x: 6\n"
        "def add(a, b, c): return 0\n"
    ),
    "an answer that is no value": (
        "import os, sys\ndef add(a, b, c):\n    frame = sys._getframe()\n"
        "    while 'request' not in frame.f_locals: frame = frame.f_back\n"
        "    while 'nonce' not in frame.f_locals: frame = frame.f_back\n"
        "    text = '[\"' + frame.f_locals['nonce'] + '\",\"r\",{\"s\":[[1]]},null]'\n"
        "    os.write(@FD@, text.encode() + b'\\n')\n    return 0\n"
    ),
    "a deeply nested answer": (
        "import os, sys\ndef add(a, b, c):\n    frame = sys._getframe()\n"
        "    while 'nonce' not in frame.f_locals: frame = frame.f_back\n"
        "    text = '[\"' + frame.f_locals['nonce'] + '\",\"r\",' + '[' * 100000 + ']' * 100000\n"
        "    os.write(@FD@, text.encode() + b',null]\\n')\n    return 0\n"
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_no_forgery_passes(judge: SandboxJudge, name: str) -> None:
    assert examine(judge, ADD, ASSERT).is_accepted
    rejected = {Verdict.WA, Verdict.RE, Verdict.TLE}
    assert call(judge, FORGERIES[name], CASE).verdict in rejected
    assert examine(judge, FORGERIES[name], ASSERT).verdict in rejected
    assert examine(judge, FORGERIES[name], CHECK).verdict in rejected
    assert call(judge, ADD, CASE).is_accepted


def test_a_program_cannot_answer_twice(judge: SandboxJudge) -> None:
    program = (
        "import os, sys\ndef add(a, b, c):\n    frame = sys._getframe()\n"
        "    while 'nonce' not in frame.f_locals: frame = frame.f_back\n"
        "    text = '[\"' + frame.f_locals['nonce'] + '\",\"r\",6,null]'\n"
        "    os.write(@FD@, (text + '\\n').encode() * 2)\n    return 0\n"
    )
    # the right value is the right value, however it comes; the second call meets a stale line
    got = examine(judge, program, f"{ASSERT}\nassert add(2, 2, 2) == 6")
    assert got.verdict is Verdict.RE
    assert got.first_failure is not None
    assert "out of turn" in got.first_failure.reason


def test_a_module_that_a_test_forgot_is_not_the_programs(judge: SandboxJudge) -> None:
    program = "class math:\n    isclose = lambda *a, **k: True\ndef add(a, b, c): return 0\n"
    assert examine(judge, program, "assert math.isclose(add(1, 2, 3), 6)").verdict is Verdict.WA
