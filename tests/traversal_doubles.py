"""Doubles for traversals: an engine that answers by kind, a judge that believes programs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mapcoder_lite.agents.parse import (
    Tracing,
    render_confidence,
    render_debugging,
    render_program,
    render_recall,
    render_trace,
)
from mapcoder_lite.errors import ReplayMiss
from mapcoder_lite.pipeline import solve
from mapcoder_lite.problem import Checker, Io, Language, Limits, Problem, Test
from mapcoder_lite.trajectory import (
    Call,
    CallKind,
    Completion,
    Exemplar,
    Recall,
    Request,
    Trajectory,
    Watch,
)
from mapcoder_lite.traversal import Defect, TraversalName
from mapcoder_lite.traversals.attempt import Dials
from mapcoder_lite.verdict import Isolation, Judgement, TestResult, Verdict

PY = Language.PYTHON
TESTS = tuple(Test(input=f"{i}\n", outputs=("1",)) for i in range(3))
PROBLEM = Problem(id="p", statement="Print one.", public_tests=TESTS)
OPENINGS = {
    "Recall": CallKind.RETRIEVAL,
    "Write a step-by-step": CallKind.PLAN,
    "Check the plan": CallKind.CONFIDENCE,
    "Trace the plan": CallKind.TRACE,
    "Write a Python program": CallKind.CODING,
    "The Python program below": CallKind.DEBUGGING,
}
Answer = str | Callable[[Request], str]


def recall(num_exemplars: int = 3) -> str:
    exemplars = [Exemplar(description=f"like {i}", planning=f"e{i}") for i in range(num_exemplars)]
    return render_recall(Recall(exemplars=tuple(exemplars), algorithm="greedy"))


def program(num_passed: int, name: str = "") -> str:
    """A program of which the judge double says that it passes so many tests."""
    return f"import sys\nprint({num_passed})  # {name}"


def coded(num_passed: int, name: str = "") -> str:
    return render_program(program(num_passed, name), PY)


def fixed(num_passed: int, name: str = "") -> str:
    return render_debugging(f"plan {name}", program(num_passed, name), PY)


def sure(number: int) -> str:
    return render_confidence(number, "seems right")


def traced(is_right: bool, plan: str | None = None) -> str:
    return render_trace("seems so", Tracing(is_right, plan))


def kind_of(request: Request) -> CallKind:
    text = request.messages[-1].content
    return next(kind for opening, kind in OPENINGS.items() if text.startswith(opening))


@dataclass
class Script:
    """An engine that answers each kind of call from a list, the last answer for ever."""

    answers: Mapping[CallKind, Sequence[Answer]]
    batches: list[list[Request]] = field(default_factory=list)
    counts: dict[CallKind, int] = field(default_factory=dict)
    identity: str = "script"

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        self.batches.append(list(requests))
        return [Completion(text=self.answer(r), finish_reason="stop") for r in requests]

    def answer(self, request: Request) -> str:
        kind = kind_of(request)
        index = self.counts.get(kind, 0)
        self.counts[kind] = index + 1
        answers = self.answers[kind]
        answer = answers[min(index, len(answers) - 1)]
        return answer if isinstance(answer, str) else answer(request)

    def close(self) -> None:
        self.batches.clear()


@dataclass
class Replay:
    """An engine that knows the calls of a trajectory and nothing else."""

    completions: dict[str, Completion]
    identity: str = "replay"

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        missing = [r for r in requests if r.key not in self.completions]
        if missing:
            raise ReplayMiss(f"no answer recorded for {missing[0].key}")
        return [self.completions[r.key] for r in requests]

    def close(self) -> None:
        self.completions.clear()


@dataclass
class CountingJudge:
    """A judge that believes the number in the first line that prints one."""

    judged: list[str] = field(default_factory=list)
    isolation: Isolation = field(default_factory=lambda: Isolation(tier="none"))
    verdict: Verdict = Verdict.WA

    def judge(
        self,
        program: str,
        language: Language,
        tests: Sequence[Test],
        *,
        limits: Limits,
        checker: Checker,
        io: Io = Io(),
        stop_early: bool = False,
        show_tests: bool = True,
    ) -> Judgement:
        assert not stop_early and show_tests and language is PY
        self.judged.append(program)
        passed = min(int(program.split("print(")[1].split(")")[0]), len(tests))
        verdict = self.verdict if passed < len(tests) else Verdict.AC
        wrong = TestResult(verdict=self.verdict, stdout_excerpt="0", stdout_bytes=1)
        return Judgement(
            verdict=verdict if tests else Verdict.SK,
            num_run=len(tests),
            num_total=len(tests),
            num_passed=passed,
            results=(TestResult(verdict=Verdict.AC),) * passed + (wrong,) * (len(tests) - passed),
            isolation=self.isolation,
        )

    def close(self) -> None:
        self.judged.clear()


def script(**answers: Sequence[Answer]) -> Script:
    whole: dict[str, Sequence[Answer]] = {
        "retrieval": [recall()],
        "plan": ["plan 0", "plan 1", "plan 2"],
        "confidence": [sure(50), sure(90), sure(50)],
        "trace": [traced(True)],
        "coding": [coded(3)],
        "debugging": [fixed(3)],
    }
    return Script({CallKind(kind): value for kind, value in (whole | answers).items()})


def run(
    engine: Script | Replay,
    problem: Problem = PROBLEM,
    judge: CountingJudge | None = None,
    *,
    traversal: TraversalName = TraversalName.MAPCODER,
    defects: Sequence[Defect] = (),
    **dials: int,
) -> Trajectory:
    budget = Dials(
        k=dials.get("k", 3),
        t=dials.get("t", 2),
        traversal=traversal,
        defects=frozenset(defects),
    )
    judge = judge or CountingJudge()
    return solve(problem, engine, judge, budget, sample=dials.get("sample", 0))


def told(trajectory: Trajectory) -> list[str]:
    """The steps, short: kind, plan, round, `!` for a failure, or the number of tests passed."""
    return [
        f"{s.kind.value}{'' if s.plan_index is None else s.plan_index}{'!' * bool(s.failure)}"
        if isinstance(s, Call)
        else f"={s.judgement.num_passed}"
        for s in trajectory.steps
    ]


ASKED = ["retrieval", "plan0", "plan1", "plan2", "confidence0", "confidence1", "confidence2"]
