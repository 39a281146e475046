"""What tiny requests give away of an engine, sound or faulty in one way."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from mapcoder_lite.engine.deep import Finding, examine, examine_adapters
from mapcoder_lite.errors import EngineError, PromptTooLong
from mapcoder_lite.trajectory import Completion, Request, Usage, Watch, digest

ADAPTERS = ("planning", "coding")


@dataclass
class Machine:
    """An engine whose reply is a digest of all that should matter; a word is a token."""

    faults: tuple[str, ...] = ()
    context_tokens: int = 100_000
    num_calls: int = 0

    identity = "machine"

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        self.num_calls += 1
        is_mixed = len({request.adapter for request in requests}) > 1
        return [self._answer(request, requests, is_mixed) for request in requests]

    def close(self) -> None:
        pass

    def _answer(self, request: Request, batch: Sequence[Request], is_mixed: bool) -> Completion:
        num_words = len(request.messages[0].content.split())
        if num_words > self.context_tokens and "cuts" not in self.faults:
            raise PromptTooLong(f"{num_words} tokens")
        if request.grammar is not None and "grammar refused" in self.faults:
            raise EngineError("no grammars here")
        usage = Usage(
            prompt_tokens=min(num_words, self.context_tokens),
            completion_tokens=3,
            cached_tokens=0 if "no cache" in self.faults or num_words < 500 else 512,
        )
        return Completion(
            text=self._text(request, batch, is_mixed),
            finish_reason="stop",
            usage=Usage() if "no usage" in self.faults else usage,
        )

    def _text(self, request: Request, batch: Sequence[Request], is_mixed: bool) -> str:
        if request.grammar is not None and "grammar ignored" not in self.faults:
            return "<answer>7</answer>"
        adapter = request.adapter
        if adapter is None and is_mixed and "last adapter gathered" in self.faults:
            adapter = batch[0].adapter
        if "adapters ignored" in self.faults or (
            "one ignored" in self.faults and adapter == "coding"
        ):
            adapter = None
        matter: list[object] = [request.messages[0].content, adapter]
        if request.sampling.temperature > 0:
            matter.append(self.num_calls if "no seed" in self.faults else request.attempt)
        if "cold" in self.faults:
            matter = matter[:2]
        if "varies" in self.faults:
            matter.append(self.num_calls)
        is_first = request.messages[0].content.startswith("Recall")
        if "rounds" in self.faults and is_mixed and is_first and request.adapter is None:
            matter.append("rounded")
        return digest(matter)


def findings(machine: Machine, **more: int | None) -> dict[str, Finding]:
    found = examine(machine, ADAPTERS, has_grammar=True, context_tokens=more.get("context"))
    return {finding.name: finding for finding in found}


def test_a_sound_engine_passes_everything():
    found = findings(Machine())
    assert {name: finding.is_good for name, finding in found.items()} == {
        "usage": True,
        "cached tokens": True,
        "seed": True,
        "whole prompts": True,
        "grammar": True,
        "adapters": True,
        "mixed batch": True,
    }
    assert "2 differ from the backbone" in found["adapters"].detail


@pytest.mark.parametrize(
    ("fault", "name", "is_good", "said"),
    [
        ("no usage", "usage", False, "0 prompt and 0 reply tokens"),
        ("no usage", "whole prompts", None, "no prompt tokens are counted"),
        ("no cache", "cached tokens", None, "none counted"),
        ("no seed", "seed", False, "two replies"),
        ("cold", "seed", None, "another seed gave the same"),
        ("grammar ignored", "grammar", False, "the reply was"),
        ("grammar refused", "grammar", None, "no grammars here"),
        ("adapters ignored", "adapters", False, "planning, coding answered 3 questions as"),
        ("one ignored", "adapters", False, "coding answered"),
        ("last adapter gathered", "adapters", True, "2 differ"),
        ("last adapter gathered", "mixed batch", False, "answered wrongly"),
        ("rounds", "mixed batch", None, "1 of 3 replies"),
        ("varies", "mixed batch", None, "vary by themselves"),
    ],
)
def test_a_fault_is_seen_for_what_it_is(fault: str, name: str, is_good: bool | None, said: str):
    finding = findings(Machine((fault,)))[name]
    assert finding.is_good is is_good
    assert said in finding.detail


def test_a_prompt_that_is_cut_is_seen_in_the_count():
    finding = findings(Machine(("cuts",), context_tokens=4096))["whole prompts"]
    assert finding.is_good is False
    assert finding.detail.startswith("of 4611 prompt tokens 4096 were counted")


def test_a_prompt_that_is_refused_is_not_cut():
    finding = findings(Machine(context_tokens=4096))["whole prompts"]
    assert finding.is_good is True
    assert "is refused: 4611 tokens" in finding.detail


def test_no_prompt_beyond_the_known_context_is_sent():
    finding = findings(Machine(context_tokens=1000), context=1000)["whole prompts"]
    assert finding.is_good is True
    assert "counted" in finding.detail


def test_an_engine_that_cannot_answer_leaves_all_open():
    found = findings(Machine(context_tokens=1))
    assert {finding.is_good for finding in found.values()} == {None}


def test_adapters_alone_cost_two_batches_of_a_sound_engine():
    machine = Machine()
    assert all(finding.is_good for finding in examine_adapters(machine, ADAPTERS))
    assert machine.num_calls == 2
