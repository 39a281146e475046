"""Rows that speak of feedback which their prompt does not show are found, and no others."""

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.curation.examples import write_dataset
from mapcoder_lite.curation.flagged import Flagged
from mapcoder_lite.curation.quoting import RUN_WORDS, betrayal
from mapcoder_lite.example import Blame, Correction, Example
from mapcoder_lite.jsonl import read_lines, write_lines
from mapcoder_lite.settings import DatasetConfig
from mapcoder_lite.trajectory import CallKind, Role, Trajectory
from pocket_run import known_puzzles, resealed, teacher_run

QUESTION = "Write a step-by-step plan.\n\nGiven a list, print the sum of its even numbers."
LINE = "Walk through the list once and add each number whose remainder by two is zero."
FEEDBACK = f"Step 2 is wrong, it must be: {LINE}"
PROSE = (
    "Your plan misses that values can be negative, so the start must not be zero but the first "
    "element."
)
RIGHT = f"1. Read the list.\n2. {LINE}\n3. Print the total."


@pytest.mark.parametrize(
    "reply",
    [
        RIGHT,  # what the feedback states as right
        "1. Read the list.\n2. The start must not be zero but the first element.\n3. Print it.",
        "1. Your input is a list.\n2. Add what is even.",  # speaks to somebody, quotes nothing
        "```python\n# the previous answer plus this number\nanswer = answer + n\n```",
        "```python\nmy_plan = 1\nfeedbacks = []\n```",
    ],
)
def test_what_heeds_the_feedback_and_does_not_speak_of_it_stays(reply: str):
    assert betrayal(reply, QUESTION, [FEEDBACK, PROSE]) is None


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (f"As the reviewer says, step 2 was wrong.\n{RIGHT}", "reviewer"),
        (f"Following the Feedback:\n{RIGHT}", "feedback"),
        (f"I changed step 2 as suggested.\n{RIGHT}", "as suggested"),
        (f"You pointed out an error.\n{RIGHT}", "you pointed out"),
        (
            "```python\n# unlike my previous program, this adds\nprint(1)\n```",
            "my previous program",
        ),
        (f"Step 2 is wrong; it must be: {LINE}", "step 2 is wrong it must be walk through"),
        (f"Since the plan misses that values can be negative, so the start is x.\n{RIGHT}", "plan"),
    ],
)
def test_what_speaks_of_the_feedback_is_found_with_its_words(reply: str, words: str):
    assert words in (betrayal(reply, QUESTION, [FEEDBACK, PROSE]) or "")


def test_what_the_question_says_too_may_be_said():
    reply = "1. Read the feedback of each reviewer.\n2. Print the mean."
    assert betrayal(reply, QUESTION, [FEEDBACK]) == "reviewer"
    asked = "A reviewer gives feedback on films. Print the mean."
    assert betrayal(reply, asked, [FEEDBACK]) is None
    assert betrayal(PROSE, f"{QUESTION}\n{PROSE}", [PROSE]) is None


WORD = st.text(alphabet="abcdefgh", min_size=4, max_size=7)


@given(
    prose=st.lists(WORD, min_size=RUN_WORDS, max_size=20),
    place=st.integers(0, 19),
    around=st.tuples(st.lists(WORD, max_size=6), st.lists(WORD, max_size=6)),
)
def test_eight_words_to_the_agent_are_found_wherever_they_stand(
    prose: list[str], place: int, around: tuple[list[str], list[str]]
):
    matter = " ".join(prose)
    told = " ".join([*prose[: place % len(prose)], "You", *prose[place % len(prose) :]])
    before, after = (" ".join(words) for words in around)
    assert betrayal(f"{before}\n{matter}, {after}", "?", [matter]) is None
    assert betrayal(f"{before}\n{told.upper()}! {after}", "?", [told]) is not None
    assert betrayal(f"{before}\n{told} {after}", told, [told]) is None


@given(prose=st.lists(WORD, max_size=RUN_WORDS - 2, unique=True))
def test_fewer_words_in_a_row_are_no_quotation(prose: list[str]):
    told = " ".join(["you", *prose])
    assert betrayal(f"xxxx {told} yyyy", "?", [f"{told} zzzz"]) is None


def test_such_rows_leave_the_data_set_and_are_counted_and_listed(tmp_path):
    run = teacher_run(tmp_path / "runs" / "teacher", known_puzzles(8))
    before = write_dataset([run], tmp_path / "before", DatasetConfig())
    assert not (tmp_path / "before" / "flagged.jsonl").exists()
    assert before.num_silent == before.num_kept
    row = next(
        row
        for row in read_lines(tmp_path / "before" / "planning.jsonl", Example)
        if row.kind is CallKind.PLAN
    )
    spoken = shutil.copytree(run, tmp_path / "runs" / "spoken")
    write_lines(
        spoken / "trajectories.jsonl",
        [said(t, row) for t in read_lines(run / "trajectories.jsonl", Trajectory)],
    )
    blame = Blame(
        call_index=row.provenance.call_index, role=Role.PLANNING, reason="", feedback=FEEDBACK
    )
    guided = Correction(
        problem_id=row.provenance.problem_id,
        round=1,
        supervisor="s",
        blame=blame,
        is_changed=True,
        guided=(blame.call_index,),
        is_passed=True,
    )
    resealed(spoken)
    unguided = write_dataset([spoken], tmp_path / "unguided", DatasetConfig())
    assert unguided.num_silent == unguided.num_kept, "who was told nothing quotes nothing"
    write_lines(spoken / "corrections.jsonl", [guided])
    resealed(spoken)
    after = write_dataset([spoken], tmp_path / "after", DatasetConfig())
    assert (after.num_kept, after.num_silent) == (before.num_kept, before.num_kept - 1)
    (flag,) = read_lines(tmp_path / "after" / "flagged.jsonl", Flagged)
    assert (flag.by, flag.match) == ("quotation", None)
    assert flag.reply is not None and flag.reply.call_index == blame.call_index
    assert (flag.words or "").startswith("step 2 is wrong it must be walk")


def said(trajectory: Trajectory, row: Example) -> Trajectory:
    """The trajectory, its reply of the row changed to one that quotes."""
    if trajectory.problem_id != row.provenance.problem_id:
        return trajectory
    steps = list(trajectory.steps)
    call = steps[row.provenance.call_index]
    text = f"{FEEDBACK}\n{call.completion.text}"
    completion = call.completion.model_copy(update={"text": text})
    steps[row.provenance.call_index] = call.model_copy(update={"completion": completion})
    return trajectory.model_copy(update={"steps": tuple(steps)})
