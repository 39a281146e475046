"""MapCoder as its released code has it (2405.11403), with each defect that is switched on.

Without any it is the mapcoder traversal, call for call, so that a defect's effect can be paired
with ours. Its flow is written out here, not bent into ours, so that ours stays free of switches.
Prompts are ours throughout; what else differs, and is no switch, stands in docs/design.md.

Knows: what each defect changes.
Does not know: prompts, reply formats, how the mapcoder traversal is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mapcoder_lite.agents import as_published, coding, debugging, parse, planning, prompt, retrieval
from mapcoder_lite.agents.parse import Fix
from mapcoder_lite.agents.question import Question, T
from mapcoder_lite.trajectory import Completion, Recall, StopReason, Trial
from mapcoder_lite.traversal import Defect
from mapcoder_lite.traversals.attempt import Attempt


def traverse(attempt: Attempt) -> StopReason:
    """Retrieve, plan, rank, code and debug until a program passes or the budget is used."""
    if Defect.ASKED_ONCE in attempt.dials.defects:
        attempt.manner = replace(attempt.manner, num_asks=1)
    try:
        return _Traversal(attempt, attempt.dials.defects).run()
    except _Lost:
        attempt.submitted = None
        return StopReason.LOST


class _Lost(Exception):
    """A reply that could not be read ended the attempt; never seen outside this file."""


@dataclass(frozen=True, slots=True)
class _Traversal:
    attempt: Attempt
    defects: frozenset[Defect]

    def run(self) -> StopReason:
        recall = self._ask_all([self._recall()])[0]
        if recall is None:
            return StopReason.NO_RECALL
        plans = self._ranked(self._written(recall))
        if not plans:
            return StopReason.NO_PLAN
        for index, text in plans:
            stop = self._try(recall.algorithm, index, text)
            if stop is not None:
                return stop
        is_any = self.attempt.submitted is not None
        return StopReason.EXHAUSTED if is_any else StopReason.NO_PROGRAM

    def _written(self, recall: Recall) -> list[tuple[int, str]]:
        attempt, is_bounded = self.attempt, Defect.K_UNBOUNDED not in self.defects
        exemplars = recall.exemplars[: attempt.dials.k] if is_bounded else recall.exemplars
        asked = [
            planning.plan(attempt.problem, recall.algorithm, exemplar, index)
            for index, exemplar in enumerate(exemplars)
        ]
        if Defect.RAW_PLAN in self.defects:
            asked = [replace(question, parse=as_published.plan) for question in asked]
        return [(i, text) for i, text in enumerate(self._ask_all(asked)) if text is not None]

    def _ranked(self, plans: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
        asked = [
            replace(planning.confidence(self.attempt.problem, text, index), parse=self._confidence)
            for index, text in plans
        ]
        pairs = zip(plans, self._ask_all(asked), strict=True)
        ranked = sorted(pairs, key=lambda pair: -(pair[1] or 0))
        self.attempt.telling.rank([(*plan, confidence) for plan, confidence in ranked])
        return [plan for plan, _ in ranked]

    def _try(self, algorithm: str, index: int, text: str) -> StopReason | None:
        """Code and debug a plan; None: go on with the next."""
        problem, dials = self.attempt.problem, self.attempt.dials
        program = self._ask_all(
            [self._coding(coding.program(problem, algorithm, text, dials.language, index=index))]
        )[0]
        for round in range(dials.t + 1):
            if program is None:
                return None
            is_repeated = self.attempt.has_judged(program)
            trial = self._judged(program, index, round)
            if trial is None:
                return None
            if not problem.public_tests:
                is_pass = Defect.NO_TESTS_PASS in self.defects
                return StopReason.SOLVED if is_pass else StopReason.UNTESTED
            if trial.judgement.is_accepted:
                return StopReason.SOLVED
            is_idle = is_repeated and round > 0 and Defect.REPEATS_DEBUGGED not in self.defects
            if round == dials.t or is_idle:
                return None
            fix = self._ask_all([self._debugging(algorithm, text, trial)])[0]
            program = fix.program if fix else None
            text = (fix.plan if fix else None) or text
        return None

    def _judged(self, program: str, index: int, round: int) -> Trial | None:
        """Judge a program where the released code does, and note what would be submitted."""
        attempt, t = self.attempt, self.attempt.dials.t
        is_silent = t == 0 and Defect.ZERO_ROUNDS in self.defects
        is_last = round == t > 0 and Defect.LAST_UNTESTED in self.defects
        trial = None if is_silent or is_last else attempt.judge_publicly(program, index, round)
        if is_silent or Defect.LAST_SUBMITTED in self.defects:
            attempt.submitted = program
        return trial

    def _ask_all(self, questions: list[Question[T]]) -> list[T | None]:
        values = self.attempt.ask_all(questions)
        if Defect.FAILURE_ENDS in self.defects and None in values:
            raise _Lost
        return values

    def _recall(self) -> Question[Recall]:
        asked = retrieval.recall(self.attempt.problem, self.attempt.dials.k)
        if Defect.STRICT_XML in self.defects:
            asked = replace(asked, parse=as_published.recall)
        if Defect.K_UNBOUNDED in self.defects:
            asked = replace(asked, note=_nothing_left_out)
        return asked

    def _confidence(self, completion: Completion) -> int:
        is_strict = Defect.STRICT_XML in self.defects
        is_raw = Defect.RAW_CONFIDENCE in self.defects
        text = (as_published if is_strict else parse).confidence_text(completion)
        return as_published.confidence(text) if is_raw else parse.per_cent(text)

    def _coding(self, asked: Question[str]) -> Question[str]:
        if Defect.LAST_BLOCK in self.defects:
            return replace(asked, parse=as_published.program)
        return asked

    def _debugging(self, algorithm: str, plan: str, trial: Trial) -> Question[Fix]:
        problem = self.attempt.problem
        asked = debugging.fix(problem, algorithm, plan, trial)
        if Defect.LAST_BLOCK in self.defects:
            asked = replace(asked, parse=as_published.fix)
        if Defect.BARE_REPORT in self.defects:
            messages = prompt.bare_debugging(
                problem, algorithm, plan, trial.program, trial.judgement, trial.language
            )
            asked = replace(asked, messages=messages)
        return asked


def _nothing_left_out(recall: Recall) -> None:
    """Note nothing of a recall that is used whole."""
