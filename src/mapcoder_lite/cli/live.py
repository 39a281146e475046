"""The events of a solve as one moving view: agents, plans, program or its diff, samples, the reply.

Knows: what is drawn where, what of a long text is shown.
Does not know: how a problem is solved, plain lines.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import RLock

from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from mapcoder_lite.cli import terminal
from mapcoder_lite.cli.lines import Lines
from mapcoder_lite.events import (
    CodeVersion,
    Event,
    FormatFailed,
    Listener,
    PlanScored,
    RunStarted,
    StageDelta,
    StageFinished,
    StageStarted,
    TestVerdict,
    Totals,
)
from mapcoder_lite.trajectory import Call, Role, Step
from mapcoder_lite.verdict import Verdict

_REPLY_LINES = 4
_PROGRAM_LINES = 24
_SHOWN_TESTS = 40


@dataclass(slots=True)
class View:
    """What has happened so far, as it is drawn."""

    started: float = field(default_factory=time.monotonic)
    run: RunStarted | None = None
    totals: dict[Role, Totals] = field(default_factory=dict[Role, Totals])
    at_work: dict[int, StageStarted] = field(default_factory=dict[int, StageStarted])
    replies: dict[int, str] = field(default_factory=dict[int, str])
    """By stage, the end of the text so far, while it is at work."""
    plans: list[PlanScored] = field(default_factory=list[PlanScored])
    version: CodeVersion | None = None
    passed: dict[int | None, int] = field(default_factory=dict[int | None, int])
    """By plan, most samples that a program of it passed."""
    verdicts: list[TestVerdict] = field(default_factory=list[TestVerdict])
    """Of the last version."""
    _lock: RLock = field(default_factory=RLock)  # drawn by one thread, told by others

    def hear(self, event: Event, step: Step | None = None) -> None:
        """Take the next event."""
        with self._lock:
            self._take(event)
            if isinstance(step, Call):
                self.totals[step.role] = self.totals.get(step.role, Totals()).with_call(step)

    def _take(self, event: Event) -> None:
        match event:
            case RunStarted():
                self.run = event
            case StageStarted():
                self.at_work[event.stage] = event
            case StageDelta():
                text = self.replies.get(event.stage, "") + event.text
                self.replies[event.stage] = "\n".join(text.split("\n")[-_REPLY_LINES:])
            case StageFinished():
                self.at_work.pop(event.stage, None)
                self.replies.pop(event.stage, None)
            case PlanScored():
                self.plans.append(event)
            case CodeVersion():
                self.version, self.verdicts = event, []
            case TestVerdict():
                self._judge(event)
            case _:
                pass

    def _judge(self, verdict: TestVerdict) -> None:
        self.verdicts.append(verdict)
        plan = self.version.plan if self.version else None
        num_passed = sum(one.verdict is Verdict.AC for one in self.verdicts)
        self.passed[plan] = max(num_passed, self.passed.get(plan, 0))

    def draw(self) -> RenderableType:
        """Return the view as it is now."""
        with self._lock:
            parts: list[RenderableType] = [self._agents()]
            if self.plans:
                parts.append(self._plans())
            if self.version is not None:
                parts += [self._program(self.version), self._samples()]
            parts += [_reply(self.at_work[stage], text) for stage, text in self.replies.items()]
            return Group(*parts)

    def _agents(self) -> Table:
        table = _table("agent", "calls", "tokens", "time", "")
        for role in Role:
            totals = self.totals.get(role, Totals())
            busy = [stage for stage in self.at_work.values() if stage.agent is role]
            state = f"at work: {', '.join(map(_title, busy))}" if busy else ""
            if totals.num_unreadable:
                state = f"{state}  {totals.num_unreadable} unreadable".strip()
            table.add_row(
                Text(role.value, style="bold" if busy else ""),
                str(totals.calls),
                f"{totals.prompt_tokens} + {totals.completion_tokens}",
                f"{totals.ms / 1000:.1f} s",
                Text(state, style="yellow" if totals.num_unreadable else "cyan"),
            )
        table.add_row("", "", "", f"{time.monotonic() - self.started:.0f} s", "")
        return table

    def _plans(self) -> Table:
        table = _table("plan", "confidence", "samples", "begins")
        num_tests = self.run.problem.num_tests if self.run else 0
        for scored in self.plans:
            is_tried = self.version is not None and self.version.plan == scored.plan
            passed = self.passed.get(scored.plan)
            table.add_row(
                Text(str(scored.plan + 1), style="bold" if is_tried else ""),
                "-" if scored.confidence is None else str(scored.confidence),
                "" if passed is None else f"{passed} of {num_tests}",
                _text(scored.text.strip().split("\n")[0][:60]),
            )
        return table

    def _program(self, version: CodeVersion) -> RenderableType:
        is_diff = bool(version.diff)
        shown = terminal.visible(version.diff or version.program).split("\n")
        cut = [f"... {len(shown) - _PROGRAM_LINES} more lines"] if shown[_PROGRAM_LINES:] else []
        code = "\n".join(shown[:_PROGRAM_LINES] + cut)
        language = "diff" if is_diff else version.language.value
        title = f"version {version.version}"
        title += f", debug round {version.round}" if version.round else ""
        return Group(Text(title, style="bold"), Syntax(code, language, background_color="default"))

    def _samples(self) -> Text:
        line = Text("samples  ")
        for verdict in self.verdicts[:_SHOWN_TESTS]:
            place = "" if verdict.test is None else f"{verdict.test + 1} "
            is_passed = verdict.verdict is Verdict.AC
            line.append(f"{place}{verdict.verdict.value} ", "green" if is_passed else "red")
        if self.verdicts[_SHOWN_TESTS:]:
            line.append(f"and {len(self.verdicts) - _SHOWN_TESTS} more")
        failed = next((one for one in self.verdicts if one.verdict is not Verdict.AC), None)
        if failed is not None and failed.reason:
            line.append(f"\n         {terminal.visible(failed.reason)[:200]}", "red")
        return line


@contextmanager
def following(*, with_replies: bool = False) -> Generator[Listener]:
    """Show a solve: as a moving view on a lively terminal, else as lines."""
    if not terminal.is_lively():
        yield Lines(with_replies).hear
        return
    view = View()

    def hear(event: Event, step: Step | None = None) -> None:
        view.hear(event, step)
        if isinstance(event, FormatFailed):
            terminal.say(f"{_title(event)} unreadable ({event.failure}): {event.detail}", "yellow")
        if isinstance(step, Call) and with_replies:
            reply = step.completion.text.split("\n")
            terminal.say("\n".join(f"    | {line}" for line in reply))

    with terminal.moving(view.draw):
        yield hear


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in columns:
        table.add_column(name)
    return table


def _title(stage: StageStarted | FormatFailed) -> str:
    place = "" if stage.plan is None else f" {stage.plan + 1}"
    return f"{stage.call.value}{place}"


def _reply(stage: StageStarted, text: str) -> Text:
    shown = _text(f"{_title(stage)}: ")
    return shown.append(terminal.visible(text), "dim")


def _text(text: str) -> Text:
    return Text(terminal.visible(text))
