"""Turn replies into values and values into replies: one parser and one renderer a kind of reply.

Every parser returns a whole value or raises FormatError; nothing else comes out, whatever the model
wrote. A reply that reached its token limit is never taken for whole, except that a program whose
end fence was seen is one. The renderers write what the prompts ask for, and parsing gives it back.

Knows: what each kind of reply holds.
Does not know: prompts, engines, what becomes of the values.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mapcoder_lite.agents import fences, layout, markup
from mapcoder_lite.agents.markup import Event, Mark
from mapcoder_lite.errors import FormatError
from mapcoder_lite.problem import Language
from mapcoder_lite.trajectory import Completion, Exemplar, Recall

_RECALL = layout.tags(layout.RECALL)
_CONFIDENCE = layout.tags(layout.CONFIDENCE)
_TRACE = layout.tags(layout.TRACE)
_BLAME = layout.tags(layout.BLAME)
_NUMBER = re.compile(r"([0-9]{1,4}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})\s*(%|/\s*100|out of 100)?\.?")
_HEADING = re.compile(r"^\W*(?:modified |corrected )?(?:plan|planning|program|code)\W*$", re.I)
_EXEMPLAR = ("description", "planning")


@dataclass(frozen=True, slots=True)
class Fix:
    """What a debugging reply holds."""

    plan: str | None
    """The corrected plan; None when the reply holds a program only."""
    program: str


@dataclass(frozen=True, slots=True)
class Tracing:
    """What a plan followed by hand on the public tests came to."""

    is_right: bool
    plan: str | None
    """The corrected plan of a wrong one; None when none was given."""


@dataclass(frozen=True, slots=True)
class Accusation:
    """What a supervisor's reply holds, as it was written."""

    agent: str
    step: str
    reason: str
    feedback: str


def recall(completion: Completion) -> Recall:
    """Return the recalled problems, however many, and the algorithm.

    Raises:
        FormatError: `cut_off`, `no_root`, `mismatched_tag`, `bad_exemplar`, `no_exemplar`,
            `no_algorithm`.
    """
    events = list(markup.read(_whole(completion), _RECALL))
    exemplars = tuple(_exemplar(parts) for parts in _exemplar_parts(events))
    if not exemplars:
        raise FormatError("no recalled problem in <problem> tags", kind="no_exemplar")
    algorithms = {e.text for e in events if e.name == "algorithm" and e.text}
    if len(algorithms) != 1:
        detail = f"{len(algorithms)} different algorithms where one is asked for"
        raise FormatError(detail, kind="no_algorithm")
    return Recall(exemplars=exemplars, algorithm=algorithms.pop())


def confidence(completion: Completion) -> int:
    """Return the confidence in per cent; `85%`, `85/100` and `0.85` all mean 85.

    Raises:
        FormatError: `cut_off`, `no_root`, `mismatched_tag`, `bad_confidence`.
    """
    return per_cent(confidence_text(completion))


def confidence_text(completion: Completion) -> str:
    """Return what stands for a confidence, whatever it is.

    Raises:
        FormatError: `cut_off`, `no_root`, `mismatched_tag`, `bad_confidence`.
    """
    events = markup.read(_whole(completion), _CONFIDENCE)
    values = {e.text for e in events if e.name == "confidence"}
    if len(values) != 1:
        detail = f"{len(values)} different confidences where one is asked for"
        raise FormatError(detail, kind="bad_confidence")
    return values.pop()


def per_cent(text: str) -> int:
    """Return a confidence in per cent; `85%`, `85/100` and `0.85` all mean 85.

    Raises:
        FormatError: `bad_confidence`.
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise FormatError(f"confidence {text[:60]!r} is no number", kind="bad_confidence")
    value = float(match.group(1))
    # "0.9" is a fraction; "1" means one per cent as asked, and "1.0" could mean either.
    if match.group(2) is None and "." in match.group(1):
        if value == 1:
            raise FormatError(f"confidence {text!r} may mean 1 or 100", kind="bad_confidence")
        value = value * 100 if value < 1 else value
    if value > 100:
        raise FormatError(f"confidence {text!r} is above 100", kind="bad_confidence")
    return round(value)


def trace(completion: Completion) -> Tracing:
    """Return whether a plan was found right, and the corrected one if it was not.

    Raises:
        FormatError: `cut_off`, `no_root`, `mismatched_tag`, `bad_verdict`, or `bad_plan` for more
            than one.
    """
    events = list(markup.read(_whole(completion), _TRACE))
    verdicts = {e.text.strip(" .").lower() for e in events if e.name == "verdict"}
    if verdicts not in ({"right"}, {"wrong"}):
        detail = f"the verdict is {', '.join(sorted(verdicts))[:60]!r}, not right or wrong"
        raise FormatError(detail, kind="bad_verdict")
    plans = {e.text for e in events if e.name == "plan" and e.text.strip()}
    if len(plans) > 1:
        raise FormatError(f"{len(plans)} corrected plans where one may be", kind="bad_plan")
    is_right = verdicts == {"right"}
    corrected = fences.strip_fences(plans.pop()) if plans and not is_right else ""
    return Tracing(is_right, corrected or None)


def plan(completion: Completion) -> str:
    """Return the plan as text; fence lines are taken off, their content stays.

    Raises:
        FormatError: `cut_off`, or `no_plan` for an empty reply or a bare program.
    """
    text = _whole(completion).strip()
    stripped = fences.strip_fences(text)
    if not stripped:
        raise FormatError("the reply is empty", kind="no_plan")
    if fences.is_whole_python(stripped):
        raise FormatError("the reply is a program, not a plan", kind="no_plan")
    return stripped


def program(completion: Completion, language: Language) -> str:
    """Return the program in the reply, also one that does not compile.

    Raises:
        FormatError: `cut_off` when the limit was reached before an end fence, `no_program`.
    """
    return _program(completion, language).text


def fix(completion: Completion, language: Language) -> Fix:
    """Return the corrected plan, if any, and the corrected program.

    Raises:
        FormatError: `cut_off` when the limit was reached before an end fence, `no_program`.
    """
    block = _program(completion, language)
    before = fences.strip_fences(completion.text[: block.start])
    return Fix(_without_headings(before) or None, block.text)


def blame(completion: Completion) -> Accusation:
    """Return what a supervisor wrote in each of its four tags; whether it fits is not checked.

    Raises:
        FormatError: `cut_off`, `no_root`, `mismatched_tag`, or `bad_blame` where a tag is missing
            or stands there twice.
    """
    events = list(markup.read(_whole(completion), _BLAME))
    texts: dict[str, str] = {}
    for name in (part.name for part in layout.BLAME.parts):
        found = [event.text for event in events if event.name == name]
        if len(found) != 1:
            detail = f"{len(found)} <{name}> where one is asked for"
            raise FormatError(detail, kind="bad_blame")
        texts[name] = found[0]
    return Accusation(**texts)


def render_recall(recall: Recall) -> str:
    """Return the XML that the retrieval prompt asks for."""
    texts = [text for e in recall.exemplars for text in (e.description, e.planning)]
    return layout.render(layout.RECALL, [*texts, recall.algorithm], times=len(recall.exemplars))


def render_confidence(confidence: int, explanation: str) -> str:
    """Return the XML that the confidence prompt asks for."""
    return layout.render(layout.CONFIDENCE, [explanation, str(confidence)])


def render_trace(trace: str, tracing: Tracing) -> str:
    """Return the XML that the trace prompt asks for."""
    verdict = "right" if tracing.is_right else "wrong"
    return layout.render(layout.TRACE, [trace, verdict, tracing.plan or ""])


def render_blame(accusation: Accusation) -> str:
    """Return the XML that the supervisor's prompt asks for."""
    a = accusation
    return layout.render(layout.BLAME, [a.agent, a.step, a.reason, a.feedback])


def render_program(program: str, language: Language) -> str:
    """Return the program in the fenced block that the coding prompt asks for."""
    return fences.fence(program, language)


def render_debugging(plan: str, program: str, language: Language) -> str:
    """Return the plan, a blank line, and the program in a fenced block."""
    return f"{plan}\n\n{fences.fence(program, language)}"


def _whole(completion: Completion) -> str:
    if completion.finish_reason == "length":
        raise _cut_off(completion)
    return completion.text


def _cut_off(completion: Completion) -> FormatError:
    num_tokens = completion.usage.completion_tokens
    detail = f"the reply reached its limit of tokens ({num_tokens} written)"
    return FormatError(detail, kind="cut_off", position=len(completion.text))


def _program(completion: Completion, language: Language) -> fences.Block:
    is_cut = completion.finish_reason == "length"
    block = fences.find_program(completion.text, language, is_cut=is_cut)
    if block is not None:
        return block
    if is_cut:
        raise _cut_off(completion)
    detail = f"no {language.value} program; the reply begins {completion.text[:60]!r}"
    raise FormatError(detail, kind="no_program", position=0)


def _without_headings(text: str) -> str:
    """Drop a first line such as `Plan:` and a last one such as `## Code:`."""
    lines = text.splitlines()
    start = 1 if lines and _HEADING.match(lines[0]) else 0
    end = len(lines) - 1 if lines[start:] and _HEADING.match(lines[-1]) else len(lines)
    return "\n".join(lines[start:end]).strip()


def _exemplar_parts(events: Iterable[Event]) -> list[dict[str, str]]:
    """Group leaves into recalled problems; a tag starts one, and so does a second description."""
    groups: list[dict[str, str]] = []
    is_open = False
    for event in events:
        if event.mark is not Mark.LEAF:
            is_open = False
        elif event.name in _EXEMPLAR:
            if not is_open or len(groups[-1]) == len(_EXEMPLAR):
                groups.append({})
                is_open = True
            if event.name in groups[-1]:
                raise FormatError(f"two <{event.name}> in one <problem>", kind="bad_exemplar")
            groups[-1][event.name] = event.text
    return groups


def _exemplar(parts: dict[str, str]) -> Exemplar:
    missing = [name for name in _EXEMPLAR if not parts.get(name)]
    if missing:
        raise FormatError(f"a recalled problem lacks its {missing[0]}", kind="bad_exemplar")
    return Exemplar(description=parts["description"], planning=parts["planning"])
