"""What a supervisor is shown and which of its replies can be used."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.agents import parse
from mapcoder_lite.agents.parse import Accusation
from mapcoder_lite.curation.supervisor import ModelSupervisor, question, read_blame
from mapcoder_lite.errors import FormatError, PromptTooLong
from mapcoder_lite.example import Blame
from mapcoder_lite.problem import Language, Problem, Test
from mapcoder_lite.trajectory import (
    Call,
    CallKind,
    Completion,
    FormatFailure,
    Message,
    Request,
    Role,
    Sampling,
    StopReason,
    Trajectory,
    Trial,
    Watch,
)
from mapcoder_lite.verdict import Isolation, Judgement, TestResult, Verdict

PROBLEM = Problem(
    id="sum",
    title="Sum",
    statement="Add two numbers.",
    public_tests=(Test(input="1 2\n", outputs=("3",)),),
)
PROGRAM = "print(4)"


def call(kind: CallKind, text: str, plan_index: int | None = None, round: int = 0) -> Call:
    return Call(
        kind=kind,
        request=Request(messages=(Message(role="user", content=kind.value),), adapter=kind.role),
        completion=Completion(text=text, finish_reason="stop"),
        plan_index=plan_index,
        round=round,
    )


def trial(program: str, round: int = 0) -> Trial:
    result = TestResult(verdict=Verdict.WA, stdout_excerpt="four", stdout_bytes=4)
    judgement = Judgement(
        verdict=Verdict.WA,
        num_run=1,
        num_total=1,
        num_passed=0,
        results=(result,),
        isolation=Isolation(tier="none"),
    )
    return Trial(
        program=program,
        language=Language.PYTHON,
        judgement=judgement,
        plan_index=0,
        round=round,
    )


UNREAD = call(CallKind.RETRIEVAL, "no markup").model_copy(
    update={"failure": FormatFailure(kind="no_root", detail="the reply holds no <root>")}
)
FAILED = Trajectory(
    problem_id="sum",
    steps=(
        UNREAD,
        call(CallKind.RETRIEVAL, "recalled " + "x" * 5000 + " to its end"),
        call(CallKind.PLAN, "1. Add.", 0),
        call(CallKind.CONFIDENCE, "sure", 0),
        call(CallKind.CODING, PROGRAM, 0),
        trial(PROGRAM),
    ),
    program=PROGRAM,
    stop=StopReason.EXHAUSTED,
)


class Listening:
    """Answers with the given texts in turn and keeps what it was asked."""

    identity = "listening"

    def __init__(self, *texts: str):
        self._texts = list(texts)
        self.asked: list[Request] = []

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        self.asked.extend(requests)
        if not self._texts:
            raise PromptTooLong("9,000 tokens do not fit 8,192")
        return [Completion(text=self._texts.pop(0), finish_reason="stop") for _ in requests]

    def close(self) -> None:
        pass


def reply(agent: str = "coding", step: str = "4", feedback: str = "Add them.") -> str:
    return parse.render_blame(Accusation(agent, step, "It prints 4.", feedback))


def test_the_whole_attempt_is_shown_and_every_step_numbered():
    text = question(PROBLEM, FAILED)[-1].content
    for place, title in enumerate(
        (
            "retrieval",
            "retrieval",
            "planning, plan 0",
            "planning, confidence in plan 0",
            "coding, plan 0",
            "test run of the program of step 4",
        )
    ):
        assert f"### Step {place}: {title}\n" in text
    assert "x" * 5000 + " to its end" in text
    assert "(This reply could not be read: no_root, the reply holds no <root>)" in text
    assert "Expected:\n3\nGot:\nfour" in text
    assert "all plans and debug rounds were used" in text
    assert "the program of step 4 was submitted and failed the hidden tests." in text


def test_an_attempt_without_a_program_says_so():
    text = question(PROBLEM, Trajectory(problem_id="sum", steps=(UNREAD,), stop="no_recall"))
    assert "no reply of retrieval could be read; no program was submitted." in text[-1].content


def test_a_patched_program_is_named_by_the_call_that_wrote_it():
    steps = (*FAILED.steps, call(CallKind.DEBUGGING, "print(5)", 0, 1), trial("print(5)", 1))
    text = question(PROBLEM, FAILED.model_copy(update={"steps": steps}))[-1].content
    assert "### Step 6: debugging, plan 0, round 1\n" in text
    assert "### Step 7: test run of the program of step 6\n" in text


def test_a_usable_reply_becomes_a_blame():
    said = Completion(text=f"Well.\n{reply(' Coding ')}", finish_reason="stop")
    blame = Blame(call_index=4, role=Role.CODING, reason="It prints 4.", feedback="Add them.")
    assert read_blame(said, FAILED) == blame


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("The coder did it.", "no_root"),
        (reply(agent="tester"), "unknown_role"),
        (reply(agent=""), "unknown_role"),
        (reply(agent="debugging"), "absent_role"),
        (reply(step="2"), "bad_step"),
        (reply(step="5"), "bad_step"),
        (reply(step="6"), "bad_step"),
        (reply(step="-1"), "bad_step"),
        (reply(step="four"), "bad_step"),
        (reply(step="٤"), "bad_step"),
        (reply(feedback=" \n"), "no_feedback"),
        (reply().replace("<step>4</step>", ""), "bad_blame"),
        (reply().replace("<step>4</step>", "<step>4</step><step>4</step>"), "bad_blame"),
    ],
)
def test_a_reply_that_cannot_be_used_says_why(text: str, kind: str):
    with pytest.raises(FormatError) as failed:
        read_blame(Completion(text=text, finish_reason="stop"), FAILED)
    assert failed.value.kind == kind


def test_a_reply_that_was_cut_is_not_used():
    with pytest.raises(FormatError) as failed:
        read_blame(Completion(text=reply(), finish_reason="length"), FAILED)
    assert failed.value.kind == "cut_off"


TAGGED = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.sampled_from(
            [f"<{end}{tag}>" for end in ("", "/") for tag in ("root", "agent", "step", "feedback")]
        ),
        st.sampled_from(["coding", "4", "retrieval", "1", "<![CDATA[", "]]>", "&lt;"]),
    ),
    max_size=16,
)


@given(TAGGED)
def test_whatever_is_replied_is_a_sound_blame_or_a_format_error(parts: list[str]):
    try:
        blame = read_blame(Completion(text="".join(parts), finish_reason="stop"), FAILED)
    except FormatError as error:
        assert error.kind
        return
    step = FAILED.steps[blame.call_index]
    assert isinstance(step, Call)
    assert step.role is blame.role
    assert blame.feedback.strip()


def _plain(text: str) -> bool:
    return bool(text.strip()) and text == text.strip(" \t\r\n")


@given(st.text(max_size=80).filter(_plain))
def test_feedback_comes_back_as_it_was_written(feedback: str):
    blame = read_blame(Completion(text=reply(feedback=feedback), finish_reason="stop"), FAILED)
    assert blame.feedback == feedback


def test_a_useless_reply_is_asked_for_once_more_warmer_and_as_another_attempt():
    engine = Listening("no idea", reply())
    said = ModelSupervisor(engine, Sampling(seed=5)).blame(PROBLEM, FAILED, 2)
    assert isinstance(said, Blame)
    assert [r.attempt for r in engine.asked] == [2, 3]
    assert [r.sampling.temperature for r in engine.asked] == [0.0, 0.8]
    assert [r.sampling.seed for r in engine.asked] == [7, 8]
    assert {r.adapter for r in engine.asked} == {None}


def test_two_useless_replies_are_a_failure_of_the_last_kind():
    engine = Listening("no idea", reply(agent="tester"), reply())
    said = ModelSupervisor(engine, Sampling()).blame(PROBLEM, FAILED, 1)
    assert isinstance(said, FormatFailure)
    assert said.kind == "unknown_role"
    assert len(engine.asked) == 2


def test_a_trace_that_does_not_fit_is_a_failure_and_is_not_asked_again():
    engine = Listening()
    said = ModelSupervisor(engine, Sampling()).blame(PROBLEM, FAILED, 1)
    assert said == FormatFailure(kind="too_long", detail="9,000 tokens do not fit 8,192")
    assert len(engine.asked) == 1
