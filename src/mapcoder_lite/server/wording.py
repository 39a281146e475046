"""A run's events in words: a line for each stage while it goes on, and the answer at its end.

Knows: what a reader of a chat wants to see of each event.
Does not know: HTTP, how chats are framed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from mapcoder_lite.agents.fences import fence
from mapcoder_lite.events import (
    BackendRetry,
    BudgetWarning,
    CodeVersion,
    DebugRound,
    Event,
    Failed,
    FormatFailed,
    PlanScored,
    RunFinished,
    RunStarted,
    StageFinished,
    Status,
    TestVerdict,
)
from mapcoder_lite.problem import Language
from mapcoder_lite.server.conversation import run_mark
from mapcoder_lite.server.records import LAST_RUNG, Rung, TaskName
from mapcoder_lite.trajectory import CallKind
from mapcoder_lite.verdict import Judgement, Verdict

_SHOWN_TESTS = 50
"""Rows of a table of verdicts."""
_REASON_CHARACTERS = 300


@dataclass(slots=True)
class Told:
    """What was told of a run so far, as far as its answer needs it."""

    task: TaskName
    rung: Rung = LAST_RUNG
    started: RunStarted | None = None
    plans: list[PlanScored] = field(default_factory=list[PlanScored])
    recalled: StageFinished | None = None
    verdicts: dict[int, list[TestVerdict]] = field(default_factory=dict[int, list[TestVerdict]])
    """By version."""
    finished: RunFinished | None = None
    error: Failed | None = None

    def take(self, event: Event) -> str | None:
        """Take the next event; return its line, if it has one."""
        match event:
            case RunStarted():
                self.started = event
            case StageFinished(call=CallKind.RETRIEVAL):
                self.recalled = event if event.format_ok else self.recalled
            case PlanScored():
                self.plans.append(event)
            case TestVerdict():
                self.verdicts.setdefault(event.version, []).append(event)
            case RunFinished():
                self.finished = event
            case Failed():
                self.error = event
            case _:
                pass
        return self._line(event)

    @property
    def final_verdicts(self) -> list[TestVerdict]:
        """The verdicts on the program to submit."""
        version = self.finished.version if self.finished else None
        return [] if version is None else self.verdicts.get(version, [])

    def _line(self, event: Event) -> str | None:
        if isinstance(event, TestVerdict):
            return self._judged(event)
        return line_of(event)

    def _judged(self, event: TestVerdict) -> str | None:
        """Return the line of a version whose last test was judged."""
        num_tests = self.started.problem.num_tests if self.started else 0
        if event.test is not None and event.test + 1 < num_tests:
            return None
        if event.verdict is Verdict.SK:
            return f"version {event.version}: there are no samples"
        verdicts = self.verdicts[event.version]
        num_passed = sum(one.verdict is Verdict.AC for one in verdicts)
        line = f"version {event.version}: {num_passed} of {num_tests} samples passed"
        failed = first_failed(verdicts)
        return line if failed is None else f"{line}; fails {_where(failed)}"


def line_of(event: Event) -> str | None:
    """Return the line of an event that says all by itself; None where it says nothing new."""
    match event:
        case RunStarted():
            return f"{event.task}: {_titled(event)}, {run_mark(event.run)}"
        case StageFinished(format_ok=True):
            tokens = event.usage.prompt_tokens + event.usage.completion_tokens
            note = f"; {event.note}" if event.note else ""
            return f"{_stage(event)}: {event.ms / 1000:.1f} s, {tokens} tokens{note}"
        case FormatFailed():
            again = "" if event.is_final else "; asked once more"
            return f"{_stage(event)}: reply cannot be read ({event.failure}){again}"
        case PlanScored():
            sure = "unknown" if event.confidence is None else f"{event.confidence}"
            return f"plan {event.plan + 1}: rank {event.rank}, confidence {sure}"
        case CodeVersion():
            of_plan = "" if event.plan is None else f" of plan {event.plan + 1}"
            return f"version {event.version}{of_plan} is judged"
        case DebugRound():
            return f"debug round {event.round}: {event.num_passed} of {event.num_tests} so far"
        case BudgetWarning(what="seconds"):
            return f"{event.used:.0f} of {event.limit:.0f} seconds are used"
        case BackendRetry():
            return f"asked again in {event.wait_seconds:.1f} s: {event.reason}"
        case _:
            return None


def answer(told: Told) -> str:
    """Return what a finished run answers, in Markdown.

    Told of no end, it has none.
    """
    finished = told.finished
    if finished is None:
        return ""
    if finished.status in (Status.CANCELLED, Status.INTERRUPTED):
        parts = [f"The run ended before it was done ({finished.status.value})."]
    elif told.task == "hint" and told.rung < 3:
        parts = [_hint(told)]
    elif told.task == "plan":
        parts = [_plans(told)]
    else:
        parts = _program(told, finished)
    run = told.started.run if told.started else finished.run
    return "\n\n".join([*parts, run_mark(run)])


def judged(judgement: Judgement, language: Language) -> str:
    """Return what the judge says of a person's program, in Markdown."""
    total, passed = judgement.num_total, judgement.num_passed
    head = f"**{judgement.verdict.value}**: {passed} of {total} samples passed ({language.value})"
    if not judgement.compilation.is_ok:
        return f"{head}\n\n{_quoted(judgement.compilation.log)}"
    rows = [(index, one.verdict, one.cpu_ms) for index, one in enumerate(judgement.results)]
    failure = judgement.first_failure
    why = f"Sample {failure.index + 1}: {_short(failure.reason)}" if failure else ""
    return "\n\n".join(part for part in (head, why, _table(rows)) if part)


def first_failed(verdicts: Sequence[TestVerdict]) -> TestVerdict | None:
    """Return the first verdict that is no AC."""
    return next((one for one in verdicts if one.verdict is not Verdict.AC), None)


def _program(told: Told, finished: RunFinished) -> list[str]:
    verdicts = told.final_verdicts
    parts = [_outcome(told, finished, first_failed(verdicts))]
    if finished.program is not None:
        parts.append(fence(finished.program.rstrip(), finished.language))
    if verdicts and verdicts[0].test is not None:
        parts.append(_table([(one.test or 0, one.verdict, one.cpu_ms) for one in verdicts]))
    return parts


def _outcome(told: Told, finished: RunFinished, failed: TestVerdict | None) -> str:
    match finished.status:
        case Status.SOLVED:
            return f"**Solved on samples** ({finished.num_passed} of {finished.num_tests})."
        case Status.UNTESTED:
            return "**Not tested**: the statement has no samples, so this is called solved by none."
        case Status.ERROR:
            return f"**Error**: {told.error.message if told.error else 'the service failed'}"
        case _:
            pass
    if finished.program is None:
        why = finished.detail or (finished.stop.value.replace("_", " ") if finished.stop else "")
        return f"**Not solved**: no program came ({why})."
    where = f" fails {_where(failed)}" if failed is not None else ""
    score = f"{finished.num_passed} of {finished.num_tests}"
    return f"**Not solved**: the best attempt{where} ({score} samples passed)."


def _where(failed: TestVerdict) -> str:
    place = "" if failed.test is None else f"sample {failed.test + 1}: "
    reason = f", {_short(failed.reason)}" if failed.reason else ""
    return f"{place}{failed.verdict.value}{reason}"


def _hint(told: Told) -> str:
    recalled = told.recalled.answer if told.recalled else None
    if not isinstance(recalled, dict):
        return "No hint came: the model's reply could not be read."
    kind = f"**Kind of problem**: {recalled['algorithm']}"
    if told.rung == 1:
        return f"{kind}\n\nAsk again for the idea."
    exemplars = cast("list[dict[str, str]]", recalled["exemplars"])
    idea = f"**A similar problem**: {exemplars[0]['description']}"
    how = f"**How it is solved**:\n\n{exemplars[0]['planning']}"
    return f"{kind}\n\n{idea}\n\n{how}\n\nAsk again for a plan."


def _plans(told: Told) -> str:
    if not told.plans:
        return "No plan came: no reply could be read as one."
    shown = told.plans[:1] if told.rung == 3 else told.plans
    parts = [
        f"**Plan {plan.plan + 1}** (confidence "
        f"{'unknown' if plan.confidence is None else plan.confidence}):\n\n{plan.text}"
        for plan in shown
    ]
    return "\n\n".join(parts)


def _table(rows: Sequence[tuple[int, Verdict, float]]) -> str:
    lines = ["| sample | verdict | CPU ms |", "|---|---|---|"]
    lines += [f"| {index + 1} | {verdict.value} | {ms:.0f} |" for index, verdict, ms in rows]
    if rows[_SHOWN_TESTS:]:
        del lines[2 + _SHOWN_TESTS :]
        lines.append(f"| {len(rows) - _SHOWN_TESTS} more | | |")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return fence(text[-2000:], Language.PYTHON).replace("python", "text", 1)


def _short(reason: str) -> str:
    return " ".join(reason.split())[:_REASON_CHARACTERS]


def _titled(event: RunStarted) -> str:
    title = event.problem.title or event.problem.id
    return f"{title} ({event.problem.num_tests} samples, k = {event.k}, t = {event.t})"


def _stage(event: StageFinished | FormatFailed) -> str:
    place = "" if event.plan is None else f" {event.plan + 1}"
    round = f", round {event.round}" if event.round else ""
    return f"{event.call.value}{place}{round}"
