"""Every public form of the benchmarks in miniature, in our words."""

import base64
import json
import pickle
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mapcoder_lite.data.importing import READERS, Wanted, import_problems
from mapcoder_lite.data.rows import Broken, Imported, LeftOut, Outcome
from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.functions import refuse_faulty
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.problem import Io, Language, Limits, Test
from mapcoder_lite.verdict import Verdict

CONTEST: dict[str, Any] = {
    "name": "7_A. Twice",
    "description": "Print twice the number.",
    "public_tests": {"input": ["1\n"], "output": ["2\n"]},
    "private_tests": {"input": ["3\n"], "output": ["6\n"]},
    "generated_tests": {"input": ["4\n", "5\n"], "output": ["8\n", "10\n"]},
    "source": 2,
    "difficulty": 7,
    "cf_contest_id": 7,
    "cf_index": "A",
    "cf_rating": 800,
    "cf_tags": ["math"],
    "time_limit": {"seconds": 1, "nanos": 500_000_000},
    "memory_limit_bytes": 64_000_000,
    "input_file": "",
    "output_file": "",
}
CALLED = {
    "problem_id": 3,
    "question": "Return the sum.",
    "input_output": json.dumps({"fn_name": "add", "inputs": [[1, 2], [3, 4]], "outputs": [[3], 7]}),
    "difficulty": "introductory",
    "url": "https://example.org/3",
    "starter_code": "def add(a, b):\n\t",
}
PRINTED = CALLED | {
    "problem_id": 4,
    "input_output": json.dumps({"inputs": ["1\n", ["2", "3"]], "outputs": ["1\n", ["2", "3"]]}),
}
CASES = [{"input": "[1, 2]\n3", "output": "[4, 5]", "testtype": "functional"}]
LIVE = {
    "question_id": "3700",
    "question_title": "Shift",
    "question_content": "Add k to every number.",
    "platform": "leetcode",
    "contest_date": "2024-09-01T00:00:00",
    "difficulty": "easy",
    "starter_code": "class Solution:\n    def shift(self, numbers, k):\n        ",
    "public_test_cases": json.dumps(CASES),
    "private_test_cases": json.dumps(CASES),
    "metadata": json.dumps({"func_name": "shift"}),
}
PROMPT = 'def double(n: float) -> float:\n    """Double it.\n\n    >>> double(2)\n    4\n    """\n'
HUMAN = {
    "task_id": "HumanEval/900",
    "prompt": PROMPT,
    "entry_point": "double",
    "canonical_solution": "    return n * 2\n",
    "test": "def check(candidate):\n    assert candidate(3) == 6\n",
}
HUMAN_PLUS = {key: value for key, value in HUMAN.items() if key != "test"} | {
    "base_input": [[1], [2.5]],
    "plus_input": [[0.1]],
    "atol": 0,
}
BASIC = {
    "task_id": 600,
    "text": "Write a function to add one.",
    "code": "def helper(x):\n    return x\ndef inc(x):\n    return helper(x) + 1\n",
    "test_list": ["assert inc(ONE) == 2", "assert inc(5) == 6"],
    "test_setup_code": "ONE = 1",
    "challenge_test_list": [],
}


def rows_of(tmp_path: Path, source: str, *rows: dict[str, Any], name: str) -> list[Outcome]:
    path = tmp_path / name
    if name.endswith(".parquet"):
        pa = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pa.Table.from_pylist(list(rows)), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return list(READERS[source](path))


def one(tmp_path: Path, source: str, row: dict[str, Any], name: str = "test.jsonl") -> Imported:
    (found,) = rows_of(tmp_path, source, row, name=name)
    assert isinstance(found, Imported), found
    refuse_faulty(
        Language.PYTHON,
        (*found.problem.public_tests, *found.hidden.tests),
        found.problem.io,
        found.problem.checker,
    )
    return found


@pytest.fixture(scope="module")
def judge() -> Iterator[SandboxJudge]:
    try:
        made = SandboxJudge(1)
    except SandboxError as error:
        pytest.skip(str(error))
    with made:
        yield made


def verdict(judge: SandboxJudge, found: Imported, program: str) -> Verdict:
    problem = found.problem
    tests = (*problem.public_tests, *found.hidden.tests)
    judged = judge.judge(
        program,
        Language.PYTHON,
        tests,
        limits=problem.limits,
        checker=problem.checker,
        io=problem.io,
    )
    return judged.verdict


@pytest.mark.parametrize("name", ["train-00000-of-00039.parquet", "train.jsonl"])
def test_codecontests_of_the_hub(tmp_path: Path, name: str):
    found = one(tmp_path, "codecontests", CONTEST, name)
    problem = found.problem
    assert problem.id == "7_A. Twice"
    assert problem.limits == Limits(cpu_seconds=1.5, memory_bytes=64_000_000)
    assert (problem.difficulty, problem.tags) == (800, ("math",))
    assert problem.source.url == "https://codeforces.com/contest/7/problem/A"
    assert (problem.source.split, problem.source.licence) == ("train", "CC BY 4.0")
    assert problem.public_tests == (Test(input="1\n", outputs=("2\n",)),)
    assert [test.input for test in found.hidden.tests] == ["3\n", "4\n", "5\n"]


def test_codecontests_tests_may_be_a_list_of_objects(tmp_path: Path):
    as_list = {
        key: [
            {"input": asked, "output": wanted}
            for asked, wanted in zip(*CONTEST[key].values(), strict=True)
        ]
        for key in ("public_tests", "private_tests", "generated_tests")
    }
    assert one(tmp_path, "codecontests", CONTEST | as_list) == one(
        tmp_path, "codecontests", CONTEST
    )


def test_codecontests_of_other_sites_and_without_limits(tmp_path: Path):
    nothing = {"cf_rating": 0, "time_limit": None, "memory_limit_bytes": 0, "cf_tags": [""]}
    found = one(tmp_path, "codecontests", CONTEST | nothing | {"source": 1, "difficulty": 3})
    assert found.problem.id == "codechef: 7_A. Twice"
    assert (found.problem.difficulty, found.problem.tags) == (None, ("hard",))
    assert found.problem.limits == Limits()
    assert found.problem.source.url is None


def test_codecontests_says_which_tests_were_cut(tmp_path: Path):
    cut = {"input": ["4\n"], "output": ["1 " * 240 + "..."]}
    found = one(tmp_path, "codecontests", CONTEST | {"generated_tests": cut})
    assert found.hidden.defect == '0 inputs and 1 outputs of 2 tests are cut with "..."'
    shipped: dict[str, object] = {
        "name": "7_A. Twice",
        "description": "Print twice the number.",
        "id": 1,
        "sample_io": [],
        "test_list": [{"input": "9" * 300 + "...", "output": ["1"]}],
    }
    found = one(tmp_path, "codecontests", shipped)
    assert found.hidden.defect == '1 inputs and 0 outputs of 1 tests are cut with "..."'
    assert one(tmp_path, "codecontests", CONTEST).hidden.defect is None


def test_codecontests_leaves_out_what_cannot_be_judged(tmp_path: Path):
    no_tests: dict[str, Any] = {
        "private_tests": {"input": [], "output": []},
        "generated_tests": None,
    }
    found = rows_of(
        tmp_path,
        "codecontests",
        CONTEST | {"input_file": "in.txt"},
        CONTEST | no_tests | {"generated_tests": {"input": [], "output": []}},
        CONTEST | {"private_tests": {"input": ["1"], "output": []}},
        name="test.jsonl",
    )
    reasons = [getattr(outcome, "reason", "") for outcome in found]
    assert reasons == [
        "reads or writes a file",
        "no hidden tests",
        "1 inputs but 0 outputs of tests",
    ]
    assert [type(outcome) for outcome in found] == [LeftOut, LeftOut, Broken]


def test_apps_calls_functions(tmp_path: Path, judge: SandboxJudge):
    found = one(tmp_path, "apps", CALLED, "train.jsonl")
    assert found.problem.id == "train/3"
    assert found.problem.io == Io(
        kind="function", entry_point="add", starter_code="def add(a, b):\n\t"
    )
    assert found.problem.source.url == "https://example.org/3"
    assert found.problem.public_tests == ()
    assert verdict(judge, found, "def add(a, b):\n    return a + b\n") is Verdict.AC
    assert verdict(judge, found, "def add(a, b):\n    return '3'\n") is Verdict.WA


def test_apps_reads_standard_input(tmp_path: Path):
    found = one(tmp_path, "apps", PRINTED)
    assert found.problem.io.kind == "stdio"
    assert found.hidden.tests[1] == Test(input="2\n3", outputs=("2\n3",))
    assert one(tmp_path, "apps", {"id": 9, **PRINTED, "problem_id": None}).problem.id == "test/9"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "input_output is not JSON"),
        ("[]", "expected an object"),
        ('{"inputs": [1], "outputs": []}', "1 inputs but 0 outputs"),
        ('{"inputs": [1], "outputs": [1]}', "a test of standard input is a int"),
        ('{"fn_name": "f", "inputs": [1], "outputs": [1]}', "not a list of arguments"),
    ],
)
def test_apps_names_what_is_broken(tmp_path: Path, text: str, words: str):
    (found,) = rows_of(tmp_path, "apps", CALLED | {"input_output": text}, name="a.jsonl")
    assert isinstance(found, Broken)
    assert words in found.reason


def test_apps_leaves_out_numbers_that_python_does_not_read(tmp_path: Path):
    text = '{"inputs": [[' + "9" * 5000 + ']], "outputs": [[1]], "fn_name": "f"}'
    (found,) = rows_of(tmp_path, "apps", CALLED | {"input_output": text}, name="a.jsonl")
    assert isinstance(found, LeftOut)
    assert found.reason == "a number of more than 4,300 digits"


def test_apps_without_tests_is_left_out(tmp_path: Path):
    empty = [CALLED | {"input_output": text} for text in ("", '{"inputs": [], "outputs": []}')]
    assert {type(found) for found in rows_of(tmp_path, "apps", *empty, name="a.jsonl")} == {LeftOut}


@pytest.mark.parametrize("is_packed", [False, True])
def test_livecodebench(tmp_path: Path, judge: SandboxJudge, is_packed: bool):
    packed = base64.b64encode(zlib.compress(pickle.dumps(json.dumps(CASES)))).decode()
    row = LIVE | ({"private_test_cases": packed} if is_packed else {})
    found = one(tmp_path, "livecodebench", row, "test5.jsonl")
    assert found.problem.id == "leetcode/3700"
    assert (found.problem.source.date, found.problem.source.split) == ("2024-09-01", "test")
    assert found.problem.tags == ("leetcode", "easy")
    assert found.hidden.tests == (Test(input="[[1, 2], 3]", outputs=("[4, 5]",)),)
    program = (
        "class Solution:\n    def shift(self, numbers, k):\n        return [n + k for n in numbers]"
    )
    assert verdict(judge, found, program) is Verdict.AC


def test_livecodebench_of_standard_input(tmp_path: Path):
    cases = json.dumps([{"input": "1\n", "output": "2\n", "testtype": "stdin"}])
    row = LIVE | {"public_test_cases": cases, "private_test_cases": cases, "metadata": "{}"}
    found = one(tmp_path, "livecodebench", row)
    assert found.problem.io == Io()
    assert found.hidden.tests == (Test(input="1\n", outputs=("2\n",)),)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"private_test_cases": "bm90"}, "not base64 of zlib"),
        ({"private_test_cases": '[{"input": 1}]'}, "private_test_cases: 0.input"),
        ({"metadata": "{}"}, "names no func_name"),
        ({"contest_date": "soon"}, "'soon' is no day"),
        ({"contest_date": "2024-13-45"}, "'2024-13-45' is no day"),
        (
            {"public_test_cases": '[{"input": "1", "output": "1", "testtype": "stdin"}]'},
            "two kinds",
        ),
        (
            {"private_test_cases": json.dumps([CASES[0] | {"input": "x"}])},
            "an argument is not JSON",
        ),
    ],
)
def test_livecodebench_names_what_is_broken(tmp_path: Path, changes: dict[str, object], words: str):
    (found,) = rows_of(tmp_path, "livecodebench", LIVE | changes, name="a.jsonl")
    assert isinstance(found, Broken)
    assert words in found.reason


def test_livecodebench_takes_the_times_of_parquet(tmp_path: Path):
    row = LIVE | {"contest_date": datetime(2024, 9, 1, 2, 30)}
    assert one(tmp_path, "livecodebench", row, "test.parquet").problem.source.date == "2024-09-01"


@pytest.mark.parametrize("name", ["test.jsonl", "test-00000-of-00001.parquet"])
def test_humaneval(tmp_path: Path, judge: SandboxJudge, name: str):
    found = one(tmp_path, "humaneval", HUMAN, name)
    assert found.problem.io == Io(kind="asserts", entry_point="double", starter_code=PROMPT)
    assert [test.input for test in found.problem.public_tests] == ["assert double(2) == 4"]
    assert verdict(judge, found, PROMPT + "    return 2 * n\n") is Verdict.AC
    assert verdict(judge, found, PROMPT + "    return 2 + n\n") is Verdict.WA


def test_samples_whose_code_is_no_python_are_left_out_and_counted(tmp_path: Path):
    samples = ["assert double(2) == 4", "assert double(1) => 2", "assert double(0) == 0."]
    found = one(tmp_path, "humaneval", HUMAN | {"sample_io": samples})
    assert [test.input for test in found.problem.public_tests] == [samples[0], samples[2]]
    assert found.num_bad_samples == 1
    outcomes = rows_of(tmp_path, "humaneval", HUMAN | {"sample_io": samples}, name="b.jsonl")
    tally = import_problems(iter(outcomes), tmp_path / "out", Wanted())
    assert tally.bad_samples == {HUMAN["task_id"]: 1}


def test_humaneval_as_others_ship_it(tmp_path: Path):
    samples = one(tmp_path, "humaneval", HUMAN | {"sample_io": ["assert double(0) == 0"]})
    assert [test.input for test in samples.problem.public_tests] == ["assert double(0) == 0"]
    listed = one(tmp_path, "humaneval", HUMAN | {"test_case_list": ["assert double(1) == 2"] * 2})
    assert [test.input for test in listed.hidden.tests] == ["assert double(1) == 2"] * 2


def test_humaneval_plus_compares_with_the_reference(tmp_path: Path, judge: SandboxJudge):
    found = one(tmp_path, "humaneval", HUMAN_PLUS)
    assert len(found.hidden.tests) == 2
    assert found.problem.source.licence == "Apache-2.0"
    assert "n * 2" not in found.problem.model_dump_json()
    assert (
        verdict(judge, found, "def double(n):\n    return 2 * n + isinstance(n, float) * 1e-9\n")
        is Verdict.AC
    )
    assert (
        verdict(judge, found, "def double(n):\n    return 2 * n + isinstance(n, float) * 1e-3\n")
        is Verdict.WA
    )
    assert verdict(judge, found, "def double(n):\n    return 2 * int(n)\n") is Verdict.WA
    (left_out,) = rows_of(
        tmp_path, "humaneval", HUMAN_PLUS | {"task_id": "HumanEval/32"}, name="a.jsonl"
    )
    assert isinstance(left_out, LeftOut)


def test_mbpp(tmp_path: Path, judge: SandboxJudge):
    found = one(tmp_path, "mbpp", BASIC, "mbpp.jsonl")
    assert (found.problem.id, found.problem.source.split) == ("mbpp/600", "validation")
    assert found.problem.io == Io(kind="asserts", entry_point="inc")
    assert found.problem.public_tests == found.hidden.tests[:1]
    assert verdict(judge, found, "def inc(x):\n    return x + 1\n") is Verdict.AC


def test_mbpp_sanitized_and_plus_and_typed(tmp_path: Path):
    sanitized = {k: v for k, v in BASIC.items() if k not in ("text", "test_setup_code")} | {
        "prompt": "Add one.",
        "test_imports": ["import math"],
        "test_list": ["assert inc(math.floor(1.5)) == 2"],
    }
    path = tmp_path / "sanitized-mbpp.json"
    path.write_text(json.dumps([sanitized]))
    (found,) = READERS["mbpp"](path)
    assert isinstance(found, Imported)
    assert found.hidden.tests[0].input == "import math\nassert inc(math.floor(1.5)) == 2"
    plus = one(tmp_path, "mbpp", sanitized | {"test": "for x in range(9):\n    inc(x)"})
    assert len(plus.hidden.tests) == 1
    assert plus.problem.public_tests == found.problem.public_tests
    typed = {
        "name": "mbpp_601_inc",
        "prompt": "def inc(x: int) -> int:\n",
        "entry_point": "inc",
        "test": "def check(candidate):\n    assert candidate(1) == 2\n",
        "sample_io": ["assert inc(1) == 2"],
    }
    assert one(tmp_path, "mbpp", typed).problem.source.split == "train"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base_input": [[1]]}, "evalplus/mbppplus of the hub"),
        ({"code": "def f("}, "no Python"),
        ({"test_list": ["assert other(1) == 2"]}, "call no function of the reference"),
        ({"test_list": []}, "test_list"),
        ({"text": None}, "text: Field required"),
    ],
)
def test_mbpp_names_what_is_broken(tmp_path: Path, changes: dict[str, object], words: str):
    (found,) = rows_of(tmp_path, "mbpp", BASIC | changes, name="a.jsonl")
    assert isinstance(found, Broken)
    assert words in found.reason
