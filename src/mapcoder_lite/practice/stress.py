"""A program against a brute force on many small inputs; what tells them apart is made smaller.

What is found is a real difference between the two programs. That the input is one that the problem
allows is certain only as far as its maker knew: a generator, or the shape of the samples.

Knows: programs in the sandbox, where inputs come from, when an input counts as failing.
Does not know: files, the terminal, models.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from mapcoder_lite.errors import InputError, SandboxError
from mapcoder_lite.judge.judge import Output, SandboxJudge
from mapcoder_lite.practice import tree as trees
from mapcoder_lite.practice.minimise import minimised_text
from mapcoder_lite.practice.shape import Part, shapes_of
from mapcoder_lite.problem import Language, Limits, Problem, Test
from mapcoder_lite.verdict import Judgement, Verdict

BATCH = 25
"""Inputs that a program is started for at once."""
MAX_CANDIDATES = 400
"""Smaller inputs that are tried at most."""
_BRUTE_CPU_SECONDS = 10.0
"""A brute force is slow by nature."""
_TRIED_PER_SHAPE = 6
_SIZE_OF_TRIALS = 3

Shape = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class ProgramFile:
    """A program of the user's."""

    name: str
    program: str
    language: Language


@dataclass(frozen=True, slots=True)
class Effort:
    """How long is searched."""

    num_tries: int = 500
    max_size: int = 8
    """Of anything counted in an input; sizes grow from 1 on."""
    seconds: float = 60.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Counterexample:
    """An input on which the program fails, as small as it was made."""

    test: Test
    """With the answer that is right: the brute force's, or a sample's own."""
    verdict: Verdict
    reason: str
    got: str
    found: str
    """The input as it was first met."""


@dataclass(frozen=True, slots=True)
class Search:
    """What came of a search."""

    counterexample: Counterexample | None
    num_tried: int
    num_unanswered: int
    """Inputs on which the brute force failed: they say nothing."""
    why_unanswered: str = ""
    is_shaped: bool = False
    """Whether every smaller input was held to the shape of the samples."""


def search(
    judge: SandboxJudge,
    problem: Problem,
    program: ProgramFile,
    brute: ProgramFile,
    generator: ProgramFile | None,
    effort: Effort,
) -> Search:
    """Look for an input on which the program does not answer as the brute force does.

    Raises:
        InputError: the brute force fails a sample or answers nothing, the generator fails, or
            there is no generator and the samples have no shape that could be told.
        SandboxError: the judge cannot judge.
    """
    duel = Duel(judge, problem, program, brute)
    duel.refuse_wrong_brute()
    shapes = [trees.fitted(s, _inputs(problem)) for s in shapes_of(_inputs(problem))]
    shape = duel.likeliest(shapes, effort.seed) if shapes and generator is None else None
    if shape is None and generator is None:
        raise InputError(
            "the samples' inputs have no shape that could be told from them: give --generator, a "
            "program that reads a seed and a size and prints an input"
        )
    shape = shape or next(iter(shapes), None)
    batches = _generated(judge, generator, effort) if generator else _drawn(shape or (), effort)
    return _search(duel, shape, batches, effort)


def _search(
    duel: "Duel", shape: Shape | None, batches: Iterator[list[str]], effort: Effort
) -> Search:
    deadline = time.monotonic() + effort.seconds
    seen: set[str] = set()
    found: tuple[str, Verdict] | None = None
    num_tried = 0
    for batch in _batches(_inputs(duel.problem), batches):
        fresh = [text for text in dict.fromkeys(batch) if text not in seen]
        seen.update(fresh)
        num_tried += len(fresh)
        found = duel.first_failing(fresh)
        if found or time.monotonic() > deadline:
            break
    if num_tried == duel.num_unanswered:
        raise InputError(
            f"{duel.brute.name} answers none of {num_tried} inputs: {duel.why_unanswered}; give "
            "--generator, a program that prints inputs which the problem allows"
        )
    unanswered = duel.num_unanswered, duel.why_unanswered
    if found is None:
        return Search(None, num_tried, *unanswered, is_shaped=shape is not None)
    text, is_shaped = duel.smallest(*found, shape)
    return Search(duel.counterexample(text, found[0]), num_tried, *unanswered, is_shaped)


@dataclass(slots=True)
class Duel:
    """The program and the brute force before the same judge."""

    judge: SandboxJudge
    problem: Problem
    program: ProgramFile
    brute: ProgramFile
    num_unanswered: int = 0
    why_unanswered: str = ""
    answers: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """What is right, by input: the samples' own answers, else the brute force's."""

    def __post_init__(self) -> None:
        """Take the samples at their word: they may accept more than one answer."""
        self.answers.update((test.input, test.outputs) for test in self.problem.public_tests)

    def refuse_wrong_brute(self) -> None:
        """Judge the brute force on the samples.

        Raises:
            InputError: it fails one, so that its word is worth nothing.
        """
        judgement = self._judged(self.brute, self.problem.public_tests, _BRUTE_CPU_SECONDS)
        failure = judgement.first_failure
        if failure is not None or not judgement.compilation.is_ok:
            where = f"sample {failure.index + 1}: {failure.reason}" if failure else ""
            why = where or judgement.compilation.log
            raise InputError(
                f"{self.brute.name} is to say what is right, and itself gets "
                f"{judgement.verdict.value} ({why.strip()}): mend it first"
            )

    def likeliest(self, shapes: Sequence[Shape], seed: int) -> Shape:
        """Return the shape whose inputs the brute force answers most often."""

        def num_answered(shape: Shape) -> int:
            random = Random(seed)
            texts = [
                trees.written(trees.drawn(shape, random, _SIZE_OF_TRIALS))
                for _ in range(_TRIED_PER_SHAPE)
            ]
            return sum(o.verdict is Verdict.AC for o in self._outputs(self.brute, texts))

        return max(shapes, key=num_answered) if len(shapes) > 1 else shapes[0]

    def first_failing(self, inputs: Sequence[str]) -> tuple[str, Verdict] | None:
        """Return the first input that the brute force answers and the program does not alike."""
        tests = self._tests(inputs)
        if not tests:
            return None
        judgement = self._judged(self.program, tests, stop_early=True)
        if not judgement.compilation.is_ok:
            raise InputError(f"{self.program.name}: {judgement.compilation.log.strip()}")
        if judgement.first_failure is None:
            return None
        return tests[judgement.first_failure.index].input, judgement.verdict

    def smallest(self, text: str, verdict: Verdict, shape: Shape | None) -> tuple[str, bool]:
        """Return a smaller input that gets the same verdict, and whether it was held to a shape."""
        fails = _bounded(lambda candidate: self._is_failing(candidate, verdict))
        try:
            tree = trees.read(shape, text) if shape is not None else None
        except trees.Unlike:
            tree = None
        if tree is not None and fails(trees.written(tree)):
            return trees.written(trees.smaller(tree, fails)), True
        return minimised_text(text, fails), False

    def counterexample(self, text: str, found: str) -> Counterexample:
        """Judge the program on an input once more, to say what it does there."""
        (test,) = self._tests([text])
        judgement = self._judged(self.program, [test])
        failure = judgement.first_failure
        if failure is None:
            raise SandboxError(
                f"{self.program.name} failed on an input and passes it now: it does not answer "
                f"alike each time, or this machine is too busy; the input: {text[:200]!r}"
            )
        return Counterexample(
            test, judgement.verdict, failure.reason, failure.got_excerpt or "", found
        )

    def _is_failing(self, text: str, verdict: Verdict) -> bool:
        """Whether the program gets the same verdict here: another is another fault, mostly that
        the input is none."""
        tests = self._tests([text], is_counted=False)
        return bool(tests) and self._judged(self.program, tests).verdict is verdict

    def _tests(self, inputs: Sequence[str], *, is_counted: bool = True) -> list[Test]:
        """Return a test for every input that the brute force answers."""
        unknown = [text for text in inputs if text not in self.answers]
        for text, output in zip(unknown, self._outputs(self.brute, unknown), strict=True):
            if output.verdict is Verdict.AC:
                self.answers[text] = (output.text,)
            elif is_counted:
                self.num_unanswered += 1
                self.why_unanswered = f"{output.verdict.value} {output.reason}".strip()
        return [
            Test(input=text, outputs=self.answers[text]) for text in inputs if text in self.answers
        ]

    def _outputs(self, source: ProgramFile, inputs: Sequence[str]) -> list[Output]:
        limits = self.problem.limits.model_copy(
            update={"cpu_seconds": max(_BRUTE_CPU_SECONDS, self.problem.limits.cpu_seconds)}
        )
        return outputs_of(self.judge, source, inputs, limits=limits)

    def _judged(
        self,
        source: ProgramFile,
        tests: Sequence[Test],
        cpu_seconds: float = 0.0,
        *,
        stop_early: bool = False,
    ) -> Judgement:
        problem, limits = self.problem, self.problem.limits
        judgement = self.judge.judge(
            source.program,
            source.language,
            tests,
            limits=limits.model_copy(update={"cpu_seconds": max(limits.cpu_seconds, cpu_seconds)}),
            checker=problem.checker,
            stop_early=stop_early,
        )
        if judgement.verdict is Verdict.IE:
            raise SandboxError(f"the judge failed on {source.name}; see `mapcoder doctor`")
        return judgement


def outputs_of(
    judge: SandboxJudge, source: ProgramFile, inputs: Sequence[str], *, limits: Limits
) -> list[Output]:
    """Return what a program prints on each input.

    Raises:
        SandboxError: the judge failed; that says nothing of the program.
    """
    if not inputs:
        return []
    outputs = judge.outputs(source.program, source.language, inputs, limits=limits)
    if any(output.verdict is Verdict.IE for output in outputs):
        raise SandboxError(f"the judge failed on {source.name}; see `mapcoder doctor`")
    return outputs


def _batches(samples: list[str], more: Iterator[list[str]]) -> Iterator[list[str]]:
    if samples:
        yield samples
    yield from more


def _sizes(effort: Effort) -> Iterator[list[tuple[int, int]]]:
    """Yield batches of numbers of tries and their sizes."""
    for start in range(0, effort.num_tries, BATCH):
        yield [
            (number, 1 + number * effort.max_size // effort.num_tries)
            for number in range(start, min(start + BATCH, effort.num_tries))
        ]


def _drawn(shape: Shape, effort: Effort) -> Iterator[list[str]]:
    random = Random(effort.seed)
    for batch in _sizes(effort):
        yield [trees.written(trees.drawn(shape, random, size)) for _, size in batch]


def _generated(judge: SandboxJudge, generator: ProgramFile, effort: Effort) -> Iterator[list[str]]:
    """Have the generator print inputs; it reads a line of a seed and a size."""
    limits = Limits(cpu_seconds=_BRUTE_CPU_SECONDS)
    for batch in _sizes(effort):
        asked = [f"{effort.seed + number} {size}\n" for number, size in batch]
        outputs = outputs_of(judge, generator, asked, limits=limits)
        for line, output in zip(asked, outputs, strict=True):
            if output.verdict is not Verdict.AC or not output.text.strip():
                why = output.reason or "it printed nothing"
                raise InputError(
                    f"{generator.name} gets {output.verdict.value} on {line.strip()!r}, a seed and "
                    f"a size: {why.strip()}"
                )
        yield [output.text for output in outputs]


def _bounded(is_failing: Callable[[str], bool]) -> Callable[[str], bool]:
    """Ask of no input twice, and of no more than a bound."""
    known: dict[str, bool] = {}

    def fails(text: str) -> bool:
        if text not in known:
            known[text] = len(known) < MAX_CANDIDATES and is_failing(text)
        return known[text]

    return fails


def _inputs(problem: Problem) -> list[str]:
    return [test.input for test in problem.public_tests]
