"""Run directories written down record by record: every kind of step, as many problems as wanted.

Knows: what files a report reads.
Does not know: engines, judges, what the tests look for.
"""

from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path

from mapcoder_lite.attribution import Lattice, attribute, sets_of
from mapcoder_lite.config import Config
from mapcoder_lite.evaluation.attribution import AttributionTable, attribution_table
from mapcoder_lite.examination import examination_of
from mapcoder_lite.jsonl import file_digest, write_lines, write_record
from mapcoder_lite.problem import Language
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.store import RunHeader, Unit
from mapcoder_lite.trajectory import (
    Call,
    CallKind,
    Completion,
    FormatFailure,
    Grade,
    Message,
    Request,
    Role,
    StopReason,
    Trajectory,
    Trial,
    Usage,
)
from mapcoder_lite.verdict import FirstFailure, Isolation, Judgement, TestResult, Verdict

TAGS = ("dp", "graphs", "greedy", "strings")
ISOLATION = Isolation(tier="none")
FIRST_PROGRAM = "n = int(input())\nprint(n)\n"
LAST_PROGRAM = "n = int(input())\nprint(n + 1)  # one more\n"
INSTRUCTION = "You are one of four agents that solve programming contest problems together."

Speak = Callable[[CallKind, str], str]
"""The reply to a kind of question about a problem."""


def say(kind: CallKind, problem_id: str) -> str:
    if kind is CallKind.CONFIDENCE:
        return "<root><confidence>85</confidence></root>"
    return f"reply of {kind.value}\n\nto {problem_id}"


def call(kind: CallKind, text: str, statement: str, **more: object) -> Call:
    messages = (
        Message(role="system", content=INSTRUCTION),
        Message(role="user", content=f"Do {kind.value}.\n\n{statement}\n\nBe brief."),
    )
    return Call.model_validate(
        {
            "kind": kind,
            "request": Request(messages=messages, adapter=kind.role.value),
            "completion": Completion(
                text=text,
                finish_reason="stop",
                usage=Usage(prompt_tokens=100, cached_tokens=40, completion_tokens=10),
                seconds=0.5,
                model="double",
            ),
            **more,
        }
    )


def judged(verdict: Verdict, got: str | None = None, num_tests: int = 3) -> Judgement:
    results = [TestResult(verdict=Verdict.AC, cpu_ms=1.5, rss_kb=9000) for _ in range(num_tests)]
    if verdict is not Verdict.AC:
        results[-1] = TestResult(verdict=verdict, cpu_ms=2.0, rss_kb=9000, stderr_tail=got or "")
    failure = FirstFailure(
        index=num_tests - 1,
        verdict=verdict,
        input_excerpt=None if got is None else "1\n",
        expected_excerpt=None if got is None else "2\n",
        got_excerpt=got,
        reason="token 1 differs",
    )
    return Judgement(
        verdict=verdict,
        num_run=num_tests,
        num_total=num_tests,
        num_passed=num_tests - (verdict is not Verdict.AC),
        results=tuple(results),
        first_failure=None if verdict is Verdict.AC else failure,
        isolation=ISOLATION,
    )


def attempt(
    problem_id: str, verdict: Verdict | None, speak: Speak, sample: int = 0, plans: int = 2
) -> Trajectory:
    """Some plans, one debug round; None = no retrieval reply could be read."""
    statement = f"# Problem {problem_id}\n\nSay what follows n."
    unread = FormatFailure(kind="no_root", detail="there is no <root>")
    recall = speak(CallKind.RETRIEVAL, problem_id)
    if verdict is None:
        step = call(CallKind.RETRIEVAL, recall, statement, failure=unread)
        return Trajectory(
            problem_id=problem_id, sample=sample, steps=(step, step), stop=StopReason.NO_RECALL
        )
    steps: list[Call | Trial] = [call(CallKind.RETRIEVAL, recall, statement)]
    for kind in (CallKind.PLAN, CallKind.CONFIDENCE):
        text = speak(kind, problem_id)
        steps += [call(kind, text, statement, plan_index=n) for n in range(plans)]
    coding = speak(CallKind.CODING, problem_id)
    steps += [
        call(CallKind.CODING, coding, statement, plan_index=1),
        _trial(FIRST_PROGRAM, judged(Verdict.WA, got=coding)),
        call(
            CallKind.DEBUGGING,
            speak(CallKind.DEBUGGING, problem_id),
            statement,
            plan_index=1,
            round=1,
        ),
        _trial(LAST_PROGRAM, judged(Verdict.AC), round=1),
    ]
    return Trajectory(
        problem_id=problem_id,
        sample=sample,
        steps=tuple(steps),
        program=LAST_PROGRAM,
        stop=StopReason.SOLVED,
        seconds=4.0,
    )


def _trial(program: str, judgement: Judgement, round: int = 0) -> Trial:
    return Trial(
        program=program,
        language=Language.PYTHON,
        judgement=judgement,
        plan_index=1,
        round=round,
    )


def written_run(
    path: Path,
    verdicts: Sequence[Verdict | None],
    *,
    speak: Speak = say,
    titles: Sequence[str] = ("Problem {n}",),
    dates: Sequence[str | None] = (None,),
    samples: int = 1,
    plans: int = 2,
    is_trusted: bool = True,
    **settings: object,
) -> Path:
    """Write a run whose n-th problem ends so on the hidden tests."""
    path.mkdir(parents=True)
    config = Config.model_validate({"run": {"samples": samples}, **settings})
    header = RunHeader(
        config=config,
        config_digest=config.digest,
        problems_digest="of the problems",
        engine_identity="double",
        version="test",
    )
    write_record(path / "config.json", header)
    wrong = () if is_trusted else ("a right program was called wrong",)
    write_record(path / "selftest.json", examination_of(ISOLATION, (Language.PYTHON,), 3, wrong))
    ids = [f"p{n}" for n in range(len(verdicts))]
    write_lines(
        path / "problems.jsonl",
        [
            RunProblem(
                problem_id=id,
                title=title.replace("{n}", str(n)),
                tags=(TAGS[n % len(TAGS)], "all"),
                difficulty=800 + 100 * (n % 12),
                date=day,
                num_public_tests=3,
                num_hidden_tests=3,
            )
            for n, (id, title, day) in enumerate(
                zip(ids, cycle(titles), cycle(dates), strict=False)
            )
        ],
    )
    units = [(id, v, s) for id, v in zip(ids, verdicts, strict=True) for s in range(samples)]
    write_lines(
        path / "trajectories.jsonl", (attempt(id, v, speak, s, plans) for id, v, s in units)
    )
    write_lines(
        path / "grades.jsonl",
        (
            Grade(problem_id=id, sample=s, judgement=None if v is None else judged(v))
            for id, v, s in units
        ),
    )
    return path


def attributed(run: Path) -> AttributionTable:
    """Write, and return, what replays of its first failure say: coding alone mends it."""
    replays = {roles: (5 * (Role.CODING in roles), 6) for roles in sets_of(Lattice.CHEAP)}
    table = attribution_table(
        [attribute(Unit("p1", 0), replays)],
        {"p1": ["graphs"]},
        run="r",
        trajectories=file_digest(run / "trajectories.jsonl"),
        student="double",
        teacher="key sk-abcdefghijklmnopqrst",
        num_failed=1,
    )
    write_record(run / "attribution.json", table)
    return table
