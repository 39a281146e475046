"""What a list says of one attempt: verdicts, costs, what its trajectory shows; no texts.

Knows: the numbers of a line.
Does not know: files, how attempts are diagnosed, how lines are shown.
"""

from mapcoder_lite.evaluation.diagnosis import Diagnosis, FailureClass, Mark
from mapcoder_lite.problem import Record
from mapcoder_lite.trajectory import Grade, Trajectory


class AttemptResult(Record):
    """One attempt at a problem."""

    sample: int
    verdict: str | None
    """On the hidden tests, `no program` without one; None: not graded."""
    hidden: tuple[int, int] | None
    """Tests that passed, of how many; None: no program was graded."""
    public: tuple[int, int] | None
    """Of the program that passed most; None: none was tried."""
    stop: str
    calls: int
    tokens: tuple[int, int]
    """Of prompts and of replies."""
    seconds: float
    num_unreadable: int
    """Replies that could not be read."""
    failure: FailureClass | None
    """None: it passed, or nobody knows."""
    marks: tuple[Mark, ...]


def attempt_result(
    trajectory: Trajectory, grade: Grade | None, found: Diagnosis | None
) -> AttemptResult:
    """Return the line of an attempt; `found` is what its trajectory shows, where it is graded."""
    calls, trials = trajectory.calls, trajectory.trials
    judgement = grade.judgement if grade else None
    best = max((t.judgement.num_passed for t in trials), default=0)
    verdict = None
    if grade is not None:
        verdict = judgement.verdict.value if judgement else "no program"
    return AttemptResult(
        sample=trajectory.sample,
        verdict=verdict,
        hidden=None if judgement is None else (judgement.num_passed, judgement.num_total),
        public=(best, trials[0].judgement.num_total) if trials else None,
        stop=trajectory.stop.value,
        calls=len(calls),
        tokens=(
            sum(call.completion.usage.prompt_tokens for call in calls),
            sum(call.completion.usage.completion_tokens for call in calls),
        ),
        seconds=round(trajectory.seconds, 2),
        num_unreadable=sum(call.failure is not None for call in calls),
        failure=found.failure if found else None,
        marks=tuple(found.marks) if found else (),
    )
