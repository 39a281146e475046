"""Trajectories and grades as small JSON: each distinct paragraph once, deflated, as base64.

Prompts repeat: the statement stands in all of a problem's prompts, an instruction in those of all
problems. A text is a list of numbers of its paragraphs; numbers from 0 are the problem's own,
numbers below are the page's, -1 the first.

Knows: how a text, a step and a judgement are written for the page's script.
Does not know: files, HTML, which numbers a page shows.
"""

import base64
import json
import zlib
from collections import Counter
from typing import Any

from mapcoder_lite.evaluation.page.redaction import redacted
from mapcoder_lite.trajectory import Call, Grade, Trajectory, Trial
from mapcoder_lite.verdict import Judgement, TestResult

Packed = dict[str, Any]
"""JSON for the page's script; Any: its shape is drawn in this file and read by the script."""

BREAK = "\n\n"
"""Between paragraphs."""
NUM_PROBLEMS_SHARED = 3
"""A paragraph is the page's own from so many problems on; the first ones have it for themselves."""


class SharedTexts:
    """Paragraphs that many problems say; the page holds each once."""

    def __init__(self) -> None:
        self.paragraphs: list[str] = []
        self._places: dict[str, int] = {}
        self._seen: Counter[int] = Counter()
        """How many problems said it, by hash; two texts of one hash are shared a little early."""

    def place(self, paragraph: str) -> int | None:
        """Return the number of a shared paragraph, or None."""
        return self._places.get(paragraph)

    def leave(self, paragraphs: list[str]) -> None:
        """Hear what one problem said, each paragraph once."""
        for paragraph in paragraphs:
            mark = hash(paragraph)
            self._seen[mark] += 1
            if self._seen[mark] >= NUM_PROBLEMS_SHARED:
                self._places[paragraph] = -1 - len(self.paragraphs)
                self.paragraphs.append(paragraph)


class Texts:
    """The paragraphs of one problem's trajectories, each once, without keys and home folders."""

    def __init__(self, shared: SharedTexts) -> None:
        self.paragraphs: list[str] = []
        self._shared = shared
        self._places: dict[str, int] = {}

    def add(self, text: str) -> list[int]:
        """Return the numbers of a text's paragraphs."""
        return [self._place(paragraph) for paragraph in text.split(BREAK)]

    def _place(self, paragraph: str) -> int:
        place = self._places.get(paragraph)
        if place is None:
            shown = redacted(paragraph)
            place = self._shared.place(shown)
            if place is None:
                place = len(self.paragraphs)
                self.paragraphs.append(shown)
            self._places[paragraph] = place
        return place


def deflated(value: object) -> str:
    """Return a value's JSON deflated (RFC 1950) and written as base64."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(errors="replace"), 6)).decode()


def packed_attempt(trajectory: Trajectory, grade: Grade | None, texts: Texts) -> Packed:
    """Return one attempt: its steps, its chosen program and the judge's word on it."""
    return {
        "sample": trajectory.sample,
        "stop": trajectory.stop.value,
        "detail": redacted(trajectory.detail or ""),
        "seconds": round(trajectory.seconds, 3),
        "language": trajectory.language.value,
        "program": None if trajectory.program is None else texts.add(trajectory.program),
        "steps": [
            _call(step, texts) if isinstance(step, Call) else _trial(step, texts)
            for step in trajectory.steps
        ],
        "isGraded": grade is not None,
        "judgement": _judgement(grade.judgement, texts) if grade and grade.judgement else None,
    }


def _call(call: Call, texts: Texts) -> Packed:
    request, completion = call.request, call.completion
    return {
        "step": "call",
        "kind": call.kind.value,
        "role": call.role.value,
        "plan": call.plan_index,
        "round": call.round,
        "messages": [[m.role, texts.add(m.content)] for m in request.messages_sent],
        "adapter": request.adapter,
        "attempt": request.attempt,
        "guided": request.guidance is not None,
        "grammar": request.grammar is not None,
        "sampling": request.sampling.model_dump(mode="json"),
        "reply": texts.add(completion.text),
        "finish": completion.finish_reason,
        "tokens": [
            completion.usage.prompt_tokens,
            completion.usage.cached_tokens,
            completion.usage.completion_tokens,
        ],
        "seconds": round(completion.seconds, 3),
        "model": redacted(completion.model),
        "digest": completion.adapter_digest,
        "failure": None
        if call.failure is None
        else [call.failure.kind, redacted(call.failure.detail)],
        "note": None if call.note is None else redacted(call.note),
    }


def _trial(trial: Trial, texts: Texts) -> Packed:
    return {
        "step": "trial",
        "plan": trial.plan_index,
        "round": trial.round,
        "language": trial.language.value,
        "program": texts.add(trial.program),
        "judgement": _judgement(trial.judgement, texts),
    }


def _judgement(judgement: Judgement, texts: Texts) -> Packed:
    failure = judgement.first_failure
    return {
        "verdict": judgement.verdict.value,
        "run": judgement.num_run,
        "total": judgement.num_total,
        "passed": judgement.num_passed,
        "results": [_result(result, texts) for result in judgement.results],
        "failure": None
        if failure is None
        else {
            "index": failure.index,
            "verdict": failure.verdict.value,
            "reason": redacted(failure.reason),
            "input": _excerpt(failure.input_excerpt, texts),
            "expected": _excerpt(failure.expected_excerpt, texts),
            "got": _excerpt(failure.got_excerpt, texts),
        },
        "log": texts.add(judgement.compilation.log) if judgement.compilation.log else None,
        "tier": judgement.isolation.tier,
        "checker": judgement.checker,
        "cpuSeconds": judgement.limits.cpu_seconds,
        "memoryBytes": judgement.limits.memory_bytes,
        "speedFactor": judgement.speed_factor,
        "retried": judgement.num_retried,
    }


def _result(result: TestResult, texts: Texts) -> list[object]:
    """One test: verdict, processor ms, peak KiB, then only what is out of the ordinary."""
    told: list[object] = [result.verdict.value, round(result.cpu_ms, 1), result.rss_kb]
    ending = result.signal and f"signal {result.signal}"
    ending = ending or (result.exit_code and f"exit code {result.exit_code}")
    if result.stderr_tail or ending or result.is_truncated:
        errors = texts.add(result.stderr_tail) if result.stderr_tail else None
        told += [ending or "", errors, int(result.is_truncated)]
    return told


def _excerpt(text: str | None, texts: Texts) -> list[int] | None:
    return None if text is None else texts.add(text)
