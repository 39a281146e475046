"""Which calls of a trajectory its final program rests on.

Knows: trajectories, what each kind of call contributes.
Does not know: runs, rows, files.
"""

from mapcoder_lite.agents import parse
from mapcoder_lite.trajectory import Call, CallKind, Trajectory, Trial


def steps_that_count(trajectory: Trajectory) -> list[int]:
    """Return the positions of the calls that the final program rests on.

    These are the retrieval reply that was read; the plan that was followed; its confidence and
    those ranked below it, for they let it be tried first; or its trace, which stands for the plan
    where it corrected it; and the one call that wrote the program. A program that no trial judged
    has none of them.
    A plan that was tried and dropped, a program that failed and a patch that did not mend it are
    not among them.
    """
    trial = _final_trial(trajectory)
    if trial is None:
        return []
    followed = _confidence(trajectory, trial.plan_index)
    is_corrected = _is_corrected(trajectory, trial.plan_index)
    return [
        position
        for position, step in enumerate(trajectory.steps)
        if isinstance(step, Call)
        and step.failure is None
        and not (step.kind is CallKind.PLAN and is_corrected)
        and _counts(step, trial, followed)
    ]


def _counts(call: Call, trial: Trial, followed: int) -> bool:
    match call.kind:
        case CallKind.RETRIEVAL:
            return trial.plan_index is not None
        case CallKind.PLAN:
            return call.plan_index == trial.plan_index
        case CallKind.TRACE:
            return call.plan_index == trial.plan_index and _is_of_use(call)
        case CallKind.CONFIDENCE:
            return call.plan_index == trial.plan_index or _stated(call) < followed
        case CallKind.CODING:
            return call.plan_index == trial.plan_index and trial.round == 0
        case CallKind.DEBUGGING:
            return call.plan_index == trial.plan_index and trial.round == call.round


def _final_trial(trajectory: Trajectory) -> Trial | None:
    """The trial that first judged the submitted program."""
    return next((t for t in trajectory.trials if t.program == trajectory.program), None)


def _is_corrected(trajectory: Trajectory, plan_index: int | None) -> bool:
    """Whether a plan's trace put another one in its place."""
    return any(
        call.plan_index == plan_index and parse.trace(call.completion).plan is not None
        for call in trajectory.calls
        if call.kind is CallKind.TRACE and call.failure is None
    )


def _is_of_use(call: Call) -> bool:
    """Whether a trace found its plan right, or corrected it."""
    traced = parse.trace(call.completion)
    return traced.is_right or traced.plan is not None


def _confidence(trajectory: Trajectory, plan_index: int | None) -> int:
    """The confidence of a plan; 0 when its reply could not be read, as in the traversal."""
    for call in trajectory.calls:
        if call.kind is CallKind.CONFIDENCE and call.plan_index == plan_index and not call.failure:
            return _stated(call)
    return 0


def _stated(call: Call) -> int:
    return parse.confidence(call.completion)
