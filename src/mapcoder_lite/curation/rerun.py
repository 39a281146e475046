"""Attempts made again with something changed: other draws, other roles' teacher, another reply.

Knows: how attempts are numbered, which replies of an attempt stand before a call.
Does not know: why an attempt is made again, what its outcome says.
"""

from collections.abc import Mapping, Sequence

from mapcoder_lite.engine.replay import ReplayEngine
from mapcoder_lite.trajectory import (
    NUM_ASKS,
    Call,
    CallKind,
    Completion,
    Engine,
    Request,
    Role,
    Trajectory,
    Watch,
)


class Renumbered:
    """Asks as if the attempt had another sample number, so that its draws are that sample's.

    Two attempts whose requests are renumbered to the same sample meet the same draws wherever they
    ask the same: they differ by what was changed, and a completion that both need is asked once.
    """

    def __init__(self, inner: Engine, by: int) -> None:
        self._inner = inner
        self._by = by
        """Added to the sample number."""

    @property
    def identity(self) -> str:
        """The inner engine's."""
        return self._inner.identity

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Answer every request, in order.

        Raises:
            EngineError: the inner engine cannot answer.
        """
        return self._inner.complete([renumbered(request, self._by) for request in requests], watch)

    def close(self) -> None:
        """Close the inner engine."""
        self._inner.close()


class Substituted:
    """A student, some of whose roles are answered by a teacher."""

    def __init__(self, student: Engine, teacher: Engine, roles: frozenset[Role]) -> None:
        self._student = student
        self._teacher = teacher
        self._roles = roles

    @property
    def identity(self) -> str:
        """Both engines, and who answers what."""
        names = ",".join(role for role in Role if role in self._roles) or "nothing"
        return f"{self._student.identity} but {names} by {self._teacher.identity}"

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Answer every request, in order; a request without a role is the student's.

        Raises:
            EngineError: an engine cannot answer.
        """
        watch = watch or Watch()
        answers: dict[int, Completion] = {}
        for engine, is_teacher in ((self._student, False), (self._teacher, True)):
            places = [i for i, r in enumerate(requests) if (r.adapter in self._roles) == is_teacher]
            if places:
                asked = engine.complete([requests[i] for i in places], watch.of(places))
                answers.update(zip(places, asked, strict=True))
        return [answers[i] for i in range(len(requests))]

    def close(self) -> None:
        """Close both engines."""
        self._student.close()
        self._teacher.close()


def renumbered(request: Request, by: int) -> Request:
    """Return the request as another sample of the same attempt would ask it."""
    shift = by * NUM_ASKS
    seed = request.sampling.seed + shift
    return request.model_copy(
        update={
            "attempt": request.attempt + shift,
            "sampling": request.sampling.model_copy(update={"seed": seed}),
        }
    )


def forked(
    trajectory: Trajectory,
    position: int,
    completion: Completion,
    live: Engine,
    *,
    sample: int,
    draws: int,
) -> Engine:
    """Return the engine that leads an attempt numbered `sample` along a trajectory up to a call.

    What was asked before the call, or together with it, is answered as it was; the call itself by
    `completion`; everything after by the live engine, with the draws of sample `draws`.
    """
    call = trajectory.steps[position]
    assert isinstance(call, Call)
    known = {**replies_before(trajectory, position), call.request.key: completion}
    later = Renumbered(live, draws - trajectory.sample)
    return Renumbered(ReplayEngine(known, later), trajectory.sample - sample)


def replies_before(trajectory: Trajectory, position: int) -> Mapping[str, Completion]:
    """Return the replies that do not depend on a call, by the key of their request.

    They are those of the calls before it; a plan's are also its siblings, which were asked for
    with it.
    """
    forked = trajectory.steps[position]
    is_plan = isinstance(forked, Call) and forked.kind is CallKind.PLAN
    return {
        step.request.key: step.completion
        for index, step in enumerate(trajectory.steps)
        if isinstance(step, Call)
        and index != position
        and (index < position or (is_plan and step.kind is CallKind.PLAN))
    }
