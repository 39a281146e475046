"""The events of a solve as plain lines: one a call, one a verdict, the diff of each debug round.

Knows: how an event reads.
Does not know: moving views, how a problem is solved.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from mapcoder_lite.cli import terminal
from mapcoder_lite.events import CodeVersion, Event, PlanScored, RunStarted, TestVerdict
from mapcoder_lite.trajectory import Call, Step
from mapcoder_lite.verdict import Verdict

Say = Callable[[str, str | None], None]
"""Gets a line and its colour."""


@dataclass(slots=True)
class Lines:
    """Says what happens, event by event."""

    with_replies: bool = False
    say: Say = terminal.say
    _num_tests: int = 0
    _verdicts: list[TestVerdict] = field(default_factory=list[TestVerdict])
    """Of the version that is being judged."""

    def hear(self, event: Event, step: Step | None = None) -> None:
        """Take the next event."""
        match event:
            case RunStarted():
                self._num_tests = event.problem.num_tests
            case PlanScored():
                sure = "unknown" if event.confidence is None else f"{event.confidence}"
                self.say(f"  plan {event.plan + 1}: rank {event.rank}, confidence {sure}", None)
            case CodeVersion(diff=str(diff)):
                self.say("\n".join(f"    {line}" for line in diff.split("\n")), None)
            case TestVerdict():
                self._verdicts.append(event)
                if event.test is None or event.test + 1 == self._num_tests:
                    self.say(*verdict_line(self._verdicts, self._num_tests))
                    self._verdicts.clear()
            case _:
                pass
        if isinstance(step, Call):
            self.say(*call_line(step))
            if self.with_replies:
                reply = step.completion.text.split("\n")
                self.say("\n".join(f"    | {line}" for line in reply), None)


def call_line(call: Call) -> tuple[str, str | None]:
    """Return a call's line and colour: what was asked, what it cost, what was amiss."""
    place = "" if call.plan_index is None else f" {call.plan_index + 1}"
    round = f", round {call.round}" if call.round else ""
    answer = call.completion
    tokens = f"{answer.usage.prompt_tokens:6d} + {answer.usage.completion_tokens} tokens"
    cost = f"{answer.seconds:6.1f} s {tokens}"
    name = f"{call.kind.value}{place}{round}"
    if call.failure is None:
        return f"{name:24}{cost}   {call.note or ''}".rstrip(), None
    unread = f"unreadable ({call.failure.kind}): {call.failure.detail}"
    return f"{name:24}{cost}   {unread}", "yellow"


def verdict_line(verdicts: list[TestVerdict], num_tests: int) -> tuple[str, str]:
    """Return the line and colour of a judged version: how many samples, the first that failed."""
    failed = next((one for one in verdicts if one.verdict is not Verdict.AC), None)
    verdict = Verdict.AC if failed is None else failed.verdict
    num_passed = sum(one.verdict is Verdict.AC for one in verdicts)
    line = f"{'  judged':24}{verdict.value:>8}   {num_passed} of {num_tests} samples passed"
    if failed is not None and failed.verdict is not Verdict.SK:
        where = "" if failed.test is None else f"sample {failed.test + 1}: "
        line += f"; {where}{failed.verdict.value} {failed.reason}".rstrip()
    return line, "green" if failed is None else "red"
