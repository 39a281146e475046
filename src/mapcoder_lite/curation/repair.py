"""Repair: one call of a failed attempt is made again under a supervisor's feedback.

The traversal is the one of every run. What was recorded answers again by request key, the blamed
question goes to the live engine with the feedback attached outside the key, and what rests on its
new answer goes live by itself (MapCoder-Lite 2509.17489: only the responsible agent regenerates).

Knows: recorded calls, blamed questions, rounds, when a repair ends.
Does not know: how blame is found, how problems are solved, files.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mapcoder_lite import pipeline, runner
from mapcoder_lite.agents import prompt
from mapcoder_lite.curation.supervisor import Supervisor
from mapcoder_lite.engine.replay import ReplayEngine
from mapcoder_lite.errors import SandboxError
from mapcoder_lite.example import Blame, Correction
from mapcoder_lite.problem import HiddenTests, Problem
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import (
    Call,
    Completion,
    Engine,
    FormatFailure,
    Request,
    StopReason,
    Trajectory,
    Watch,
    digest,
)
from mapcoder_lite.traversals.attempt import Dials
from mapcoder_lite.verdict import Judge, Verdict


def corrected(
    problem: Problem,
    trajectory: Trajectory,
    blames: Sequence[Blame],
    live: Engine,
    judge: Judge,
    dials: Dials,
) -> Trajectory:
    """Attempt the problem once more: what the blames speak of is asked again under their feedback.

    Every blame speaks of a call of this trajectory. Recorded calls of other questions are replayed;
    what is not recorded goes to the live engine. The new trajectory's requests hold no guidance.

    Raises:
        ValueError: a blamed step is no call.
        EngineError: the live engine cannot answer.
        SandboxError: the judge cannot judge.
    """
    lesson = Lesson()
    for blame in blames:
        lesson = lesson.with_blame(trajectory, blame)
    return _solved(problem, trajectory, lesson, live, judge, dials)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a supervisor has said of an attempt's questions so far."""

    feedback: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """By the digest of a question, in the order it was said."""
    again: frozenset[str] = frozenset()
    """Questions that the next attempt puts to the live engine, whatever was recorded."""

    def with_blame(self, trajectory: Trajectory, blame: Blame) -> "Lesson":
        """Add one more word on a question of this trajectory.

        Raises:
            ValueError: the blamed step is no call.
        """
        asked = question_of(blamed_call(trajectory, blame).request)
        said = (*self.feedback.get(asked, ()), blame.feedback)
        return Lesson({**self.feedback, asked: said}, self.again | {asked})

    def learned(self) -> "Lesson":
        """Return the lesson once it was heeded: all of it stands, nothing is to be asked again."""
        return Lesson(self.feedback)

    def guided(self, trajectory: Trajectory) -> tuple[int, ...]:
        """Return the positions of the calls whose question was put under feedback."""
        return tuple(
            place
            for place, step in enumerate(trajectory.steps)
            if isinstance(step, Call) and question_of(step.request) in self.feedback
        )


@dataclass(frozen=True, slots=True)
class Repairer:
    """Repairs failed attempts; `solve` is what a run does with a unit."""

    failed: Mapping[Unit, Trajectory]
    hidden: Mapping[str, HiddenTests]
    """Used to judge what came of a round; neither supervisor nor agents ever see them."""
    supervisor: Supervisor
    live: Engine
    judge: Judge
    dials: Dials
    rounds: int
    """Corrections of an attempt at most."""
    record: Callable[[Correction], object]

    def solve(self, problem: Problem, sample: int) -> Trajectory:
        """Correct an attempt until it passes or the rounds are used; return the last trajectory.

        It ends early where the supervisor's word is of no use, and where a prompt became too long.
        Feedback of earlier rounds stays in force for the questions that it was given to. The
        corrections are recorded together, when the attempt is finished.

        Raises:
            EngineError: supervisor or live engine cannot answer.
            SandboxError: the judge cannot judge.
        """
        trajectory, lesson = self.failed[Unit(problem.id, sample)], Lesson()
        corrections: list[Correction] = []
        for round in range(1, self.rounds + 1):
            blame = self.supervisor.blame(problem, trajectory, round)
            if isinstance(blame, FormatFailure):
                corrections.append(self._correction(trajectory, round, failure=blame))
                break
            before, lesson = trajectory, lesson.with_blame(trajectory, blame)
            trajectory = _solved(problem, before, lesson, self.live, self.judge, self.dials)
            lesson = lesson.learned()
            correction = self._correction(
                trajectory,
                round,
                blame=blame,
                is_changed=_answers(before, before, blame) != _answers(trajectory, before, blame),
                guided=lesson.guided(trajectory),
                is_passed=self._passes(problem, trajectory),
            )
            corrections.append(correction)
            if correction.is_passed or trajectory.stop is StopReason.TOO_LONG:
                break
        for correction in corrections:
            self.record(correction)
        return trajectory

    def _correction(self, trajectory: Trajectory, round: int, **came_of: object) -> Correction:
        return Correction.model_validate(
            {
                "problem_id": trajectory.problem_id,
                "sample": trajectory.sample,
                "round": round,
                "supervisor": self.supervisor.name,
                **came_of,
            }
        )

    def _passes(self, problem: Problem, trajectory: Trajectory) -> bool:
        grade = runner.grade(trajectory, problem, self.hidden[problem.id], self.judge)
        if grade.judgement is not None and grade.judgement.verdict is Verdict.IE:
            raise SandboxError(
                f"the judge failed on a corrected program for problem {problem.id}; that says "
                "nothing of the program, so the repair ends here; run it again, or see "
                "`mapcoder doctor`"
            )
        return grade.is_passed


def question_of(request: Request) -> str:
    """Return the digest of a question: what is asked of whom, however often."""
    messages = [message.model_dump(mode="json") for message in request.messages]
    return digest([messages, request.adapter])


def blamed_call(trajectory: Trajectory, blame: Blame) -> Call:
    """Return the call that a blame speaks of.

    Raises:
        ValueError: the step is no call, or there is none.
    """
    steps = trajectory.steps
    call = steps[blame.call_index] if 0 <= blame.call_index < len(steps) else None
    if not isinstance(call, Call):
        raise ValueError(f"step {blame.call_index} of {trajectory.problem_id} is no call")
    return call


@dataclass(frozen=True, slots=True)
class _Guiding:
    """The live engine; questions that a supervisor spoke of are put to it with what was said."""

    inner: Engine
    lesson: Lesson

    @property
    def identity(self) -> str:
        return self.inner.identity

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        return self.inner.complete([self._guided(request) for request in requests], watch)

    def close(self) -> None:
        self.inner.close()

    def _guided(self, request: Request) -> Request:
        said = self.lesson.feedback.get(question_of(request))
        if said is None:
            return request
        return request.model_copy(update={"guidance": prompt.guidance(said)})


def _solved(
    problem: Problem,
    recorded: Trajectory,
    lesson: Lesson,
    live: Engine,
    judge: Judge,
    dials: Dials,
) -> Trajectory:
    completions = {
        call.request.key: call.completion
        for call in recorded.calls
        if question_of(call.request) not in lesson.again
    }
    engine = ReplayEngine(completions, _Guiding(live, lesson))
    return pipeline.solve(problem, engine, judge, dials, sample=recorded.sample)


def _answers(trajectory: Trajectory, blamed: Trajectory, blame: Blame) -> list[str]:
    """What an attempt's replies to the blamed question say."""
    asked = question_of(blamed_call(blamed, blame).request)
    return [call.completion.text for call in trajectory.calls if question_of(call.request) == asked]
