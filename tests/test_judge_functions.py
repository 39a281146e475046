"""Functions tested by calls: verdicts, typed comparison, what travels, what is told."""

import json
import select
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mapcoder_lite.errors import InputError, SandboxError
from mapcoder_lite.judge.inside.calls import CHANNEL_FD
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.problem import Checker, CheckerKind, Io, Language, Limits, Test
from mapcoder_lite.verdict import Judgement, Verdict

ADD = "def add(a, b, c):\n    return a + b + c\n"
LIMITS = Limits(cpu_seconds=0.25, memory_bytes=96 << 20, output_bytes=1 << 20)
CASE = ([1, 2, 3], 6)
ASSERT = "assert add(1, 2, 3) == 6"
CHECK = "def check(candidate):\n    assert candidate(1, 2, 3) == 6\n"


@pytest.fixture(scope="module")
def judge() -> Iterator[SandboxJudge]:
    try:
        made = SandboxJudge(2)
    except SandboxError as error:
        pytest.skip(str(error))
    with made:
        yield made


def call(
    judge: SandboxJudge, program: str, *cases: tuple[list[Any], Any], name: str = "add", **how: bool
) -> Judgement:
    tests = [Test(input=json.dumps(args), outputs=(json.dumps(value),)) for args, value in cases]
    io = Io(kind="function", entry_point=name)
    return ask(judge, program, tests, io, **how)


def examine(
    judge: SandboxJudge, program: str, *codes: str, name: str | None = "add", **how: bool
) -> Judgement:
    tests = [Test(input=code, outputs=("",)) for code in codes]
    return ask(judge, program, tests, Io(kind="asserts", entry_point=name), **how)


def ask(judge: SandboxJudge, program: str, tests: list[Test], io: Io, **how: bool) -> Judgement:
    program = program.replace("@FD@", str(CHANNEL_FD))
    args = {"limits": LIMITS, "checker": Checker(), "io": io}
    return judge.judge(program, Language.PYTHON, tests, **args, **how)


VERDICTS = {
    "right": (ADD, Verdict.AC),
    "wrong": ("def add(a, b, c): return 7\n", Verdict.WA),
    "prints": ("print('at import')\ndef add(a, b, c):\n    print(a)\n    return a + b + c\n", "AC"),
    "a script below is not run": (ADD + "if __name__ == '__main__':\n    input()\n", Verdict.AC),
    "raises": ("def add(a, b, c): raise ValueError('no')\n", Verdict.RE),
    "asserts": ("def add(a, b, c): assert False\n", Verdict.RE),
    "raises at import": (ADD + "1 // 0\n", Verdict.RE),
    "does not compile": ("def add(:\n", Verdict.CE),
    "other name": ("def plus(a, b, c): return 6\n", Verdict.RE),
    "loops": ("def add(a, b, c):\n    while True: pass\n", Verdict.TLE),
    "loops at import": ("while True: pass\n", Verdict.TLE),
    "memory": ("def add(a, b, c): return bytearray(1 << 40)\n", "MLE"),
    "prints without end": ("def add(a, b, c):\n    while True: print('x' * 65536)\n", "OLE"),
    "long answer": ("def add(a, b, c): return 'x' * 2000000\n", Verdict.RE),
    "system call": (
        "import ctypes\ndef add(a, b, c): ctypes.CDLL(None).ptrace(0, 0, 0, 0)\n",
        Verdict.SEC,
    ),
    "an answer within itself": (
        "def add(a, b, c):\n    x = []\n    x.append(x)\n    return x\n",
        "RE",
    ),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_verdicts_of_both_kinds(judge: SandboxJudge, name: str) -> None:
    program, expected = VERDICTS[name]
    assert call(judge, program, CASE).verdict == expected
    assert examine(judge, program, CHECK).verdict == expected


def test_a_sleeper_is_ended(judge: SandboxJudge) -> None:
    got = call(judge, "import time\ndef add(a, b, c): time.sleep(60)\n", CASE)
    assert got.verdict is Verdict.TLE
    assert got.results[0].cpu_ms < 250


TYPED = [
    ("(1, [2])", [1, [2]], True),
    ("[1, 2]", [2, 1], False),
    ("True", 1, False),
    ("1", True, False),
    ("1", "1", False),
    ("1.0", 1, True),
    ("1.0000001", 1, False),
    ("2", 2.0, True),
    ("0.1 + 0.2", 0.3, True),
    ("0.31", 0.3, False),
    ("float('nan')", float("nan"), False),
    ("float('inf')", float("inf"), True),
    ("10 ** 400", 10**400, True),
    ("10 ** 400", 1.5, False),
    ("None", None, True),
    ("0", None, False),
    ("{'a': [1], 'b': 2}", {"b": 2, "a": [1]}, True),
    ("{'a': 1}", {"a": 1, "b": 2}, False),
    ("{1: 2}", {"1": 2}, False),
    ("__import__('collections').Counter('aab')", {"a": 2, "b": 1}, True),
    ("__import__('collections').defaultdict(int, a=1)", {"a": 1}, True),
    ("__import__('collections').deque([1, 2])", [1, 2], True),
    ("{1, 2}", [1, 2], False),
    ("'\\ud800é'", "\ud800é", True),
    ("[]", {}, False),
    ("()", [], True),
    ("type('N', (int,), {})(3)", 3, True),
]


def test_answers_are_compared_with_their_types(judge: SandboxJudge) -> None:
    body = "".join(f"    if n == {i}: return {code}\n" for i, (code, _, _) in enumerate(TYPED))
    got = call(
        judge, "def add(n):\n" + body, *(([i], value) for i, (_, value, _) in enumerate(TYPED))
    )
    verdicts = [
        (code, result.verdict) for (code, _, _), result in zip(TYPED, got.results, strict=True)
    ]
    assert verdicts == [(code, Verdict.AC if same else Verdict.WA) for code, _, same in TYPED]


def test_any_accepted_output_is_right_and_a_difference_is_shown(judge: SandboxJudge) -> None:
    io = Io(kind="function", entry_point="f")
    test = Test(input="[[1, 2]]", outputs=("[2, 1]", "[1, 2]"))
    assert ask(judge, "def f(x): return x", [test], io).is_accepted
    got = ask(judge, "def f(x): return (x, 'a')", [Test(input="[1]", outputs=('[1, "b"]',))], io)
    assert got.first_failure is not None
    assert got.first_failure.reason == "[1]: expected 'b', got 'a'"
    assert got.first_failure.got_excerpt == "(1, 'a')"
    hidden = ask(
        judge, "def f(x): return x", [Test(input="[1]", outputs=("2",))], io, show_tests=False
    )
    assert hidden.first_failure is not None
    assert (hidden.first_failure.reason, hidden.first_failure.got_excerpt) == ("", None)


def test_a_method_of_a_solution_is_found(judge: SandboxJudge) -> None:
    program = "class Solution:\n    def add(self, a, b, c): return a + b + c\n"
    assert call(judge, program, CASE).is_accepted


def test_nothing_leaks_from_one_test_to_the_next(judge: SandboxJudge) -> None:
    program = "seen = []\ndef add(n):\n    seen.append(n)\n    return len(seen)\n"
    assert call(judge, program, ([1], 1), ([2], 1)).is_accepted
    assert examine(
        judge, program, "assert add(1) == 1\nassert add(1) == 2", "assert add(5) == 1"
    ).is_accepted


TRAVELLERS = [
    "None, True, -5, 10 ** 30, 1.5, 'ü\\n', b'ab', 2 + 1j",
    "[1, (2, {3: {4}, 'k': frozenset({5})})]",
    "bytearray(b'x'), range(1, 9, 2), int, str, type(None)",
    "Decimal('1.50'), Fraction(1, 3)",
    "deque([1, 2]), OrderedDict([(1, 2)]), Counter('aab')",
    "float('inf'), -0.0",
]


@pytest.mark.parametrize("values", TRAVELLERS)
def test_values_travel_both_ways(judge: SandboxJudge, values: str) -> None:
    imports = (
        "from collections import *\nfrom decimal import Decimal\nfrom fractions import Fraction\n"
    )
    program = "def add(*items): return items\n"
    code = f"{imports}sent = ({values},)\ngot = add(*sent)\nassert repr(got) == repr(sent), got\n"
    assert examine(judge, program, code).is_accepted


def test_what_the_program_changes_in_place_comes_back(judge: SandboxJudge) -> None:
    program = (
        "def add(a, b, c, k):\n    a.append(1)\n    a[0].append(2)\n    b['x'] = [3]\n"
        "    c.clear()\n    k.extend([1, 2])\n"
    )
    code = (
        "inner = []\na, b, c, k = [inner], {}, {1}, []\nadd(a, b, c, k=k)\n"
        "assert a == [[2], 1] and a[0] is inner\nassert (b, c, k) == ({'x': [3]}, set(), [1, 2])"
    )
    assert examine(judge, program, code).is_accepted


def test_generators_views_and_closures_travel(judge: SandboxJudge) -> None:
    program = (
        "def add(n):\n    yield from range(n)\n"
        "def views(d): return d.keys(), d.values(), d.items()\n"
        "def adder(n): return lambda m: n + m\n"
    )
    code = (
        "got = add(3)\nassert got != [0, 1, 2]\nassert list(got) == [0, 1, 2]\n"
        "keys, values, items = views({1: 2})\n"
        "assert keys == {1} and list(values) == [2] and list(items) == [(1, 2)]\n"
        "assert adder(2)(3) == 5"
    )
    assert examine(judge, program, code).is_accepted


def test_objects_of_the_program_stay_there(judge: SandboxJudge) -> None:
    program = (
        "class Node:\n    def __init__(self, value): self.value, self.left = value, None\n"
        "    def depth(self): return 1 + (self.left.depth() if self.left else 0)\n"
        "    def __eq__(self, other): return True\n"
        "def add(node): return node.depth()\ndef same(node): return node\n"
    )
    code = (
        "root = Node(7)\nroot.left = Node(8)\nassert add(root) == 2 and root.depth() == 2\n"
        "assert root.left.value == 8 and same(root) is root\nassert not root == Node(7)\n"
        "assert not hasattr(root, 'right')"
    )
    assert examine(judge, program, code, name=None).is_accepted


def test_exceptions_come_by_name(judge: SandboxJudge) -> None:
    program = (
        "class Own(ValueError): pass\nclass Strange(Exception): pass\n"
        "def add(n):\n    raise [KeyError('k'), Own('own'), Strange('odd'), SystemExit(0)][n]\n"
    )
    code = (
        "for n, kind in enumerate((KeyError, ValueError, Exception, RuntimeError)):\n"
        "    try: add(n)\n    except kind as error: assert type(error) is kind, error\n"
        "    else: raise AssertionError(n)"
    )
    assert examine(judge, program, code).is_accepted


def test_a_test_cannot_mistake_a_dead_program_for_an_exception(judge: SandboxJudge) -> None:
    program = "import os\ndef add(a, b, c): os._exit(0)\n"
    code = "try: add(1, 2, 3)\nexcept: pass\n"
    got = examine(judge, program, code)
    assert got.verdict is Verdict.RE
    assert got.first_failure is not None
    assert "ended without a reply" in got.first_failure.reason


def test_why_an_assertion_failed_is_told(judge: SandboxJudge) -> None:
    got = examine(judge, "def add(a, b, c): return [a]\n", CHECK)
    assert got.first_failure is not None
    assert got.first_failure.reason == (
        "`assert candidate(1, 2, 3) == 6` is false; the last call, add(1, 2, 3), returned [1]"
    )
    assert got.first_failure.got_excerpt == "[1]"


FAULTY = {
    "does not compile": "assert (",
    "hands over a function of its own": "add(lambda: 1, 2, 3)",
    "ends its process": "import os\nos._exit(0)",
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_test_is_the_judges_fault(judge: SandboxJudge, name: str) -> None:
    assert examine(judge, ADD, FAULTY[name]).verdict is Verdict.IE
    assert examine(judge, ADD, ASSERT).is_accepted


def test_test_code_is_locked_in_and_limited(judge: SandboxJudge) -> None:
    assert examine(judge, ADD, "open('/etc/passwd')").verdict is Verdict.WA
    assert examine(
        judge, ADD, "import os\ntry: os.fork()\nexcept OSError: pass\nelse: 1 // 0"
    ).is_accepted


def test_tests_that_are_none_are_refused(judge: SandboxJudge) -> None:
    io = Io(kind="function", entry_point="f")
    with pytest.raises(InputError, match="test 1 is not JSON"):
        ask(judge, ADD, [Test(input="[]", outputs=("1",)), Test(input="[", outputs=("1",))], io)
    with pytest.raises(InputError, match="not an array"):
        ask(judge, ADD, [Test(input="{}", outputs=("1",))], io)
    with pytest.raises(InputError, match="need an entry point"):
        ask(judge, ADD, [Test(input="[]", outputs=("1",))], Io(kind="function"))
    for test in (Test(input="[1e400]", outputs=("1",)), Test(input="[]", outputs=("[-1e400]",))):
        with pytest.raises(InputError, match="1e400 is beyond what a float holds"):
            ask(judge, ADD, [test], io)
    with pytest.raises(InputError, match="nested too deeply"):
        ask(judge, ADD, [Test(input="[" * 90 + "]" * 90, outputs=("1",))], io)
    with pytest.raises(InputError, match="for python only"):
        judge.judge("", Language.GO, [], limits=LIMITS, checker=Checker(), io=io)
    with pytest.raises(InputError, match="reads what programs print"):
        text = Checker(kind=CheckerKind.EXECEVAL)
        judge.judge(ADD, Language.PYTHON, [], limits=LIMITS, checker=text, io=io)


def test_a_large_answer_does_not_break_the_test(judge: SandboxJudge) -> None:
    program = "def add(a, b, c): return 10 ** 5000\n"
    got = examine(judge, program, CHECK)
    assert got.verdict is Verdict.WA
    assert got.first_failure is not None
    assert "a large number" in got.first_failure.reason
    assert examine(judge, program, "assert add(1, 2, 3) == 10 ** 5000").is_accepted


HUNGRY = {
    "objects": ("class X: pass\ndef add(n): return [X() for _ in range(20000)]\n", "add(1)", "RE"),
    "a range": ("def add(n): return range(10 ** 15)\n", "assert list(add(1)) == [1]", "WA"),
    "more and more": (ADD, "kept = []\nwhile add(1, 2, 3): kept.append(bytearray(10 ** 8))", "WA"),
}


@pytest.mark.parametrize("name", HUNGRY)
def test_no_answer_makes_the_test_a_fault_of_the_judge(judge: SandboxJudge, name: str) -> None:
    program, code, expected = HUNGRY[name]
    assert examine(judge, program, code).verdict == expected


def test_a_worker_that_dies_is_replaced() -> None:
    codes = [ASSERT, f"{ASSERT}  # again"]
    with SandboxJudge(1) as own:
        for _ in range(2):
            assert examine(own, ADD, *codes).is_accepted
            worker = own._pool._slots[0].worker
            assert worker is not None
            worker._process.kill()
            worker._process.wait()
            assert select.select([worker._socket], [], [], 10)[0]  # what is inside ends later
        got = examine(own, ADD, *codes)
        assert got.is_accepted
        assert got.num_retried >= 1


def test_no_descriptor_is_left(judge: SandboxJudge) -> None:
    def ask_both() -> int:
        call(judge, ADD, CASE)
        examine(judge, "import os\ndef add(a, b, c): os._exit(0)\n", ASSERT)
        return len(list(Path("/proc/self/fd").iterdir()))

    assert len({ask_both() for _ in range(5)}) == 1


def test_many_threads_call(judge: SandboxJudge) -> None:
    with ThreadPoolExecutor(4) as threads:
        codes = [ASSERT if n % 2 else "assert add(1, 2, 3) == 7" for n in range(24)]
        verdicts = list(threads.map(lambda code: examine(judge, ADD, code).verdict, codes))
    assert verdicts == [Verdict.AC if n % 2 else Verdict.WA for n in range(24)]
