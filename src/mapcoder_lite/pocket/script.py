"""What the pocket world's scripted engines share: puzzles by statement, rates of mistakes, replies.

Knows: requests, puzzles, how a script is named and counted.
Does not know: what a script says.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from mapcoder_lite.errors import EngineError
from mapcoder_lite.pocket.problems import Puzzle
from mapcoder_lite.trajectory import Completion, Request, Usage, Watch, digest

RatesT = TypeVar("RatesT")


class Script(ABC, Generic[RatesT]):
    """An engine that answers from ground truth, with seeded mistakes; equal requests equally."""

    name: ClassVar[str]
    """Of the model in completions, and the start of the identity."""

    def __init__(self, known: Iterable[Puzzle], rates: RatesT, seed: int) -> None:
        self._puzzles: Mapping[str, Puzzle] = {p.problem.statement: p for p in known}
        self._rates = rates
        self._seed = seed

    @property
    def identity(self) -> str:
        """Changes with the puzzles, the rates and the seed."""
        return f"{self.name}/{digest([sorted(self._puzzles), repr(self._rates), self._seed])}"

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Answer every request.

        Raises:
            EngineError: a prompt shows no puzzle that the script knows, or a grammar is asked for.
        """
        completions = [self._completion(request) for request in requests]
        for index, completion in enumerate(completions):
            (watch or Watch()).answer(index, completion)
        return completions

    def close(self) -> None:
        """Nothing is held."""

    @abstractmethod
    def _text(self, request: Request) -> str:
        """Return what the script says to a request without a grammar."""

    def _completion(self, request: Request) -> Completion:
        if request.grammar is not None:
            raise EngineError(
                f"the {self.name.removeprefix('pocket-')} is a script and cannot be held to a "
                "layout: leave traversal.structured off"
            )
        text = self._text(request)
        # Words stand for tokens: a script has no tokenizer.
        usage = Usage(
            prompt_tokens=sum(len(message.content.split()) for message in request.messages),
            completion_tokens=len(text.split()),
        )
        return Completion(text=text, finish_reason="stop", usage=usage, model=self.name)
