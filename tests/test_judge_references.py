"""Every reference of HumanEval and MBPP, judged by calls; minutes, and only with the data."""

import ast
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.problem import Checker, Io, Language, Limits, Test
from mapcoder_lite.verdict import Judgement, Verdict

SHARED = Path(__file__).parents[1].parent / "shared" / "data"
LIMITS = Limits(cpu_seconds=10.0, memory_bytes=1 << 30)
TYPING = "from typing import *\n"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here"),
]


@pytest.fixture(scope="module")
def judge() -> Iterator[SandboxJudge]:
    try:
        made = SandboxJudge()
    except SandboxError as error:
        pytest.skip(str(error))
    with made:
        yield made


def rows(name: str) -> list[dict[str, Any]]:
    with gzip.open(SHARED / name, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def examine(judge: SandboxJudge, program: str, code: str, entry_point: str) -> Judgement:
    tests = (Test(input=code, outputs=("",)),)
    io = Io(kind="asserts", entry_point=entry_point)
    return judge.judge(program, Language.PYTHON, tests, limits=LIMITS, checker=Checker(), io=io)


def faults(judged: dict[str, Judgement]) -> str:
    return "\n".join(
        f"{name}: {got.verdict} {got.first_failure and got.first_failure.reason}"
        for name, got in judged.items()
        if not got.is_accepted
    )


def test_humaneval(judge: SandboxJudge) -> None:
    judged: dict[str, Judgement] = {}
    for row in rows("humaneval/HumanEvalWST.jsonl.gz"):
        # what the prompt defines before the function, the test may call: from the prompt itself
        head = row["prompt"][: row["prompt"].rindex(f"def {row['entry_point']}(")]
        program = row["prompt"] + row["canonical_solution"]
        judged[row["task_id"]] = examine(judge, program, head + row["test"], row["entry_point"])
    assert len(judged) == 164
    assert not faults(judged)


def test_mbpp(judge: SandboxJudge) -> None:
    judged: dict[str, Judgement] = {}
    for row in rows("mbpp/MBPP.jsonl.gz"):
        code = "\n".join([row["test_setup_code"], *row["test_list"]])
        judged[str(row["task_id"])] = examine(judge, row["code"], code, called(row))
    assert len(judged) == 974
    assert not faults(judged)


def called(row: dict[str, Any]) -> str:
    """The function of the program that the first test calls."""
    defined = [node.name for node in ast.parse(row["code"]).body if hasattr(node, "name")]
    calls = ast.walk(ast.parse(row["test_list"][0]))
    return next(
        node.func.id
        for node in calls
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in defined
    )


def test_typed_mbpp_is_judged_as_one_process_would(judge: SandboxJudge) -> None:
    """The typed edition has no references, and other signatures than MBPP for some; whatever a
    reference of MBPP is worth against its tests, calls and one process must say the same."""
    references = {row["task_id"]: row["code"] for row in rows("mbpp/MBPP.jsonl.gz")}
    accepted: list[str] = []
    differing: list[str] = []
    for row in rows("mbpp/mbpp-py.jsonl.gz"):
        name, point = row["name"], row["entry_point"]
        program = TYPING + references[int(name.split("_")[1])]
        got = examine(judge, program, row["test"], point)
        assert got.verdict in (Verdict.AC, Verdict.WA, Verdict.RE), (name, got)
        if got.is_accepted:
            accepted.append(name)
        if got.is_accepted != passes_in_one_process(judge, program, row["test"], point):
            differing.append(name)
    assert not differing
    assert len(accepted) == 319


def passes_in_one_process(judge: SandboxJudge, program: str, code: str, entry_point: str) -> bool:
    whole = f"{program}\n{code}\ncheck({entry_point})\nprint('passed')\n"
    test = Test(input="", outputs=("passed",))
    got = judge.judge(whole, Language.PYTHON, (test,), limits=LIMITS, checker=Checker())
    return got.verdict in (Verdict.AC, Verdict.WA)  # what it printed beside says nothing
