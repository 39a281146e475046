"""Graded runs whose every verdict is given, written by the real runner into real directories.

Knows: how a run is told to end as wished.
Does not know: what the tests look for in it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from mapcoder_lite import config
from mapcoder_lite.engine.replay import StoredEngine
from mapcoder_lite.problem import HiddenTests, Language, Problem, Test
from mapcoder_lite.runner import Threads, Worker, run
from mapcoder_lite.store import RunDirectory, RunHeader
from mapcoder_lite.trajectory import (
    Call,
    CallKind,
    Completion,
    FormatFailure,
    Message,
    Request,
    Sampling,
    StopReason,
    Trajectory,
    Usage,
    Watch,
)
from mapcoder_lite.verdict import Verdict
from mapcoder_lite.work import samples_of
from test_runner import FunctionJudge

JUDGE = FunctionJudge(lambda program, wanted: Verdict(program))
AC, WA, IE, SK = Verdict.AC, Verdict.WA, Verdict.IE, Verdict.SK
Ending = Verdict | None
"""How an attempt ends; None = no program, SK = the house failed on it."""


class Oracle:
    """Answers every request alike, for ten tokens in and four out."""

    identity = "oracle"

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        usage = Usage(prompt_tokens=10, completion_tokens=4)
        return [Completion(text="x", finish_reason="stop", usage=usage) for _ in requests]

    def close(self) -> None:
        pass


def problem_of(n: int, **facts: object) -> Problem:
    return Problem.model_validate({"id": f"p{n}", "statement": "Say it.", **facts})


def made_run(
    path: Path,
    endings: Sequence[Ending | Sequence[Ending]],
    *,
    problem: Callable[[int], Problem] = problem_of,
    defective: int = 0,
    overrides: Sequence[str] = (),
) -> Path:
    """Write a run whose n-th problem's samples end so; its first problems have faulty tests."""
    samples = [[of] if isinstance(of, Verdict) or of is None else list(of) for of in endings]
    problems = tuple(problem(n) for n in range(len(samples)))
    hidden = {
        p.id: HiddenTests(
            problem_id=p.id,
            tests=(Test(input="", outputs=("1",)),),
            defect="cut" if n < defective else None,
        )
        for n, p in enumerate(problems)
    }
    by_id = {p.id: of for p, of in zip(problems, samples, strict=True)}
    num_samples = max(map(len, samples))
    settings = config.load((), [f"run.samples={num_samples}", *overrides])
    todo = samples_of(problems, hidden, num_samples)
    header = RunHeader(
        config=settings,
        config_digest=settings.digest,
        problems_digest=todo.digest,
        engine_identity="oracle",
        version="0",
    )
    with RunDirectory(path, header, todo.facts()) as directory:
        directory.examined(JUDGE.isolation, (Language.PYTHON,), 1, ())
        engine = StoredEngine(Oracle(), directory.calls)

        def solve(problem: Problem, sample: int) -> Trajectory:
            return _attempt(problem, sample, by_id[problem.id][sample], engine)

        run(todo, Threads(Worker(todo, solve, JUDGE)), directory, max_errors=100)
    return path


def _attempt(problem: Problem, sample: int, ending: Ending, engine: StoredEngine) -> Trajectory:
    if ending is SK:
        raise OSError("gone")
    failures = {
        CallKind.RETRIEVAL: "no_root" if ending is None else None,
        CallKind.PLAN: None,
        CallKind.CONFIDENCE: "bad_confidence",
    }
    return Trajectory(
        problem_id=problem.id,
        sample=sample,
        steps=tuple(_call(kind, of, problem, sample, engine) for kind, of in failures.items()),
        program=ending,
        stop=StopReason.SOLVED if ending is AC else StopReason.EXHAUSTED,
        seconds=2.0,
    )


def _call(
    kind: CallKind, failure: str | None, problem: Problem, sample: int, engine: StoredEngine
) -> Call:
    request = Request(
        messages=(Message(role="user", content=f"{problem.id} {kind.value}?"),),
        sampling=Sampling(),
        attempt=2 * sample,
    )
    (completion,) = engine.complete([request])
    return Call(
        kind=kind,
        request=request,
        completion=completion,
        failure=FormatFailure(kind=failure, detail="") if failure else None,
    )
