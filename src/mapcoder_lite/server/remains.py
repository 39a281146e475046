"""What a run that nobody ended had come to, read from what it left on disk.

Knows: the events of programs and verdicts, how calls are summed.
Does not know: files, why the run ended.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime

from mapcoder_lite.events import CodeVersion, Event, RunFinished, TestVerdict, Totals
from mapcoder_lite.trajectory import Call, Role
from mapcoder_lite.verdict import Verdict


def come_to(
    ended: RunFinished,
    events: Iterable[Event],
    calls: Iterable[tuple[int, Call]],
    dollars: Callable[[Call], float | None],
) -> RunFinished:
    """Return a last event with the best program so far, the calls and the time until then.

    As while a run goes on, the best program is the earliest judged one that passes most samples.
    """
    programs: dict[int, CodeVersion] = {}
    num_passed: Counter[int] = Counter()
    times: list[str] = []
    for event in events:
        times.append(event.ts)
        if isinstance(event, CodeVersion):
            programs[event.version] = event
        elif isinstance(event, TestVerdict):
            num_passed[event.version] += event.verdict is Verdict.AC
    changes = _summed(calls, dollars, _milliseconds(times))
    if num_passed:
        best = max(sorted(num_passed), key=num_passed.__getitem__)
        changes |= {"program": programs[best].program, "num_passed": num_passed[best]}
        changes["version"] = next(
            number for number in programs if programs[number].program == programs[best].program
        )
    return ended.model_copy(update=changes)


def _summed(
    calls: Iterable[tuple[int, Call]], dollars: Callable[[Call], float | None], ms: int
) -> dict[str, object]:
    totals, agents = Totals(), dict[Role, Totals]()
    for _, call in calls:
        price = dollars(call)
        totals = totals.with_call(call, price)
        agents[call.role] = agents.get(call.role, Totals()).with_call(call, price)
    return {"totals": totals.model_copy(update={"ms": ms}), "agents": agents}


def _milliseconds(times: list[str]) -> int:
    """Return the time from the first event to the last."""
    if not times:
        return 0
    lasted = datetime.fromisoformat(times[-1]) - datetime.fromisoformat(times[0])
    return round(1000 * lasted.total_seconds())
