"""Who&When's form: the published keys, the named step, text as text."""

import json

import pytest

from mapcoder_lite.agents import parse, prompt
from mapcoder_lite.curation import whowhen
from mapcoder_lite.curation.label import Label, Truth
from mapcoder_lite.problem import Language, Problem, Test
from mapcoder_lite.trajectory import (
    Call,
    CallKind,
    Completion,
    Request,
    Role,
    StopReason,
    Trajectory,
    Trial,
)
from mapcoder_lite.verdict import Isolation, Judgement, TestResult, Verdict

NASTY = '</script>"\x1b[31m\n{{x}} é'
PROBLEM = Problem(
    id="sum", title="Sum", statement="Add.", public_tests=(Test(input="1 2", outputs=("3",)),)
)
WRONG = Judgement(
    verdict=Verdict.WA,
    num_run=1,
    num_total=1,
    num_passed=0,
    results=(TestResult(verdict=Verdict.WA, stdout_excerpt="-1", stdout_bytes=2),),
    isolation=Isolation(tier="none"),
)


def call(kind: CallKind, text: str) -> Call:
    request = Request(messages=prompt.retrieval(PROBLEM, 1), adapter=kind.role.value)
    return Call(kind=kind, request=request, completion=Completion(text=text, finish_reason="stop"))


FAILED = Trajectory(
    problem_id="sum",
    sample=3,
    steps=(
        call(CallKind.RETRIEVAL, "recall"),
        call(CallKind.PLAN, NASTY),
        call(CallKind.CODING, parse.render_program("print(-1)", Language.PYTHON)),
        Trial(program="print(-1)", language=Language.PYTHON, judgement=WRONG, plan_index=0),
    ),
    stop=StopReason.EXHAUSTED,
)


def label(role: Role, call_index: int | None) -> Label:
    return Label(
        problem_id="sum",
        sample=3,
        truth=Truth.INJECTION if call_index is not None else Truth.REPLAY,
        role=role,
        call_index=call_index,
        repair_sets=((role,),),
        certainty=0.9,
    )


def test_a_case_has_the_published_keys_and_text_stays_text(tmp_path):
    text = whowhen.case(PROBLEM, FAILED, label(Role.PLANNING, 1), "print(sum(...))")
    assert text is not None
    assert "\x1b" not in text
    (tmp_path / "999.json").write_text("{}")
    assert whowhen.write_cases(tmp_path, [text, text]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.json", "2.json"]
    case = json.loads((tmp_path / "2.json").read_text())
    assert set(case) == {
        "is_correct",
        "question",
        "question_ID",
        "ground_truth",
        "history",
        "mistake_agent",
        "mistake_step",
        "mistake_reason",
    }
    assert case["question_ID"] == "sum/3"
    assert case["mistake_step"] == "1"
    turn = case["history"][1]
    assert turn == {"content": NASTY, "role": "assistant", "name": case["mistake_agent"]}
    assert case["ground_truth"] == "print(sum(...))"
    assert case["is_correct"] is False


def test_a_trial_is_the_judges_turn_and_shows_public_tests_only():
    case = json.loads(whowhen.case(PROBLEM, FAILED, label(Role.CODING, 2)) or "")
    turn = case["history"][3]
    assert (turn["role"], turn["name"]) == ("user", whowhen.JUDGE)
    assert turn["content"].startswith("verdict on the public tests: WA\ntest 1: WA\ninput: 1 2")
    assert "got: -1" in turn["content"]


@pytest.mark.parametrize("role", list(Role))
def test_where_only_the_role_is_known_no_step_is_made_up(role):
    assert whowhen.case(PROBLEM, FAILED, label(role, None)) is None
