"""What clients send and get, under /v1 and /api, as typed records.

Knows: fields, their bounds, what of a chat request has an effect.
Does not know: HTTP, what is done with them.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from mapcoder_lite.evaluation.attempt_result import AttemptResult
from mapcoder_lite.evaluation.attribution import AttributionTable
from mapcoder_lite.events import RunFinished, Status
from mapcoder_lite.problem import Language, Problem, Record
from mapcoder_lite.server.records import Asked, TaskName
from mapcoder_lite.settings import BudgetConfig
from mapcoder_lite.trajectory import CallKind, FormatFailure, Message, Role, Sampling, Usage
from mapcoder_lite.traversal import TraversalName
from mapcoder_lite.verdict import Verdict

MAX_PROGRAM_CHARACTERS = 500_000
"""Of a program that is to be judged or debugged."""


class ProblemChoice(Record):
    """A problem in a request: exactly one of these."""

    problem: Problem | None = None
    text: Annotated[str, Field(min_length=1)] | None = None
    """A pasted statement, problem.json or Competitive Companion's JSON."""
    problem_id: str | None = None
    """A bundled problem."""


class SolveBody(ProblemChoice):
    """POST /api/solve."""

    task: TaskName = "solve"
    effort: Literal["paper", "quick"] = "paper"
    k: Annotated[int, Field(gt=0, le=20)] | None = None
    t: Annotated[int, Field(ge=0, le=50)] | None = None
    traversal: TraversalName | None = None
    language: Language | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    program: Annotated[str, Field(max_length=MAX_PROGRAM_CHARACTERS)] | None = None
    """To be debugged."""
    budget: BudgetConfig = BudgetConfig()
    """What the run may use up, within what the service allows."""


class TextBody(Record):
    """POST /api/problems."""

    text: Annotated[str, Field(min_length=1)]


class ForkBody(Record):
    """POST /api/runs/ID/fork."""

    plan: Annotated[int, Field(ge=0, le=1000)]
    text: Annotated[str, Field(min_length=1, max_length=50_000)]


class JudgeBody(ProblemChoice):
    """POST /api/judge."""

    program: Annotated[str, Field(max_length=MAX_PROGRAM_CHARACTERS)]
    language: Language = Language.PYTHON


class Nothing(Record):
    """A body without fields."""


class ProblemLine(Record):
    """A bundled problem in a list."""

    id: str
    title: str
    tags: tuple[str, ...]
    difficulty: int | None
    num_tests: int


class ProblemList(Record):
    """GET /api/problems."""

    problems: tuple[ProblemLine, ...]
    total: int


class ParsedProblem(Record):
    """What a pasted text was read as."""

    problem: Problem
    warnings: tuple[str, ...]


class Begun(Record):
    """A run that has its place."""

    run: str
    position: int
    """Runs before it."""
    warnings: tuple[str, ...]


RunStatus = Status | Literal["waiting", "running"]


class RunSummary(Record):
    """A run in a list."""

    id: str
    created: str
    title: str
    problem_id: str
    task: TaskName
    source: str
    status: RunStatus
    position: int | None
    """Runs before it, when it waits."""
    k: int
    t: int
    traversal: str
    language: Language
    num_passed: int
    num_tests: int
    calls: int
    tokens: int
    ms: int
    usd: float | None
    """None: an engine without a price answered."""
    forked_from: str | None


class RunList(Record):
    """GET /api/runs, the newest first."""

    runs: tuple[RunSummary, ...]
    next: str | None
    """For `before`, when there are more."""


class RunDetail(RunSummary):
    """GET /api/runs/ID."""

    problem: Problem
    request: Asked
    finished: RunFinished | None
    num_events: int


class CallLine(Record):
    """A call of a run in a list."""

    stage: int
    agent: Role
    call: CallKind
    plan: int | None
    round: int
    ask: int
    ms: int
    usage: Usage
    finish: str
    failure: FormatFailure | None


class CallList(Record):
    """GET /api/runs/ID/calls."""

    calls: tuple[CallLine, ...]


class CallDetail(CallLine):
    """GET /api/runs/ID/calls/N: what was sent and what came back, word for word."""

    messages: tuple[Message, ...]
    reply: str
    adapter: str | None
    adapter_digest: str | None
    sampling: Sampling
    grammar: bool
    """Whether the reply was held to a layout."""
    model: str
    note: str | None


class Engine(Record):
    """Who answers."""

    identity: str
    label: str


class Judging(Record):
    """Who judges."""

    isolation: str
    is_trusted: bool
    """Whether it passed its self-test when the service began."""


class Queue(Record):
    """Who waits."""

    running: int
    waiting: int
    max_running: int
    max_waiting: int


class LimitsLine(Record):
    """What is refused above."""

    body_bytes: int
    statement_chars: int
    tests: int
    seconds: float
    budget: BudgetConfig
    """Of one run."""


class Defaults(Record):
    """What a solve is given when it does not say."""

    k: int
    t: int
    traversal: str
    language: Language


class ServiceStatus(Record):
    """GET /api/status."""

    version: str
    engine: Engine
    judge: Judging
    queue: Queue
    limits: LimitsLine
    defaults: Defaults
    languages: tuple[Language, ...]


class Evaluation(Record):
    """A run directory of `mapcoder run`."""

    name: str
    engine: str | None
    num_problems: int
    num_samples: int
    is_finished: bool
    fault: str | None = None
    """Why it cannot be read."""


class EvaluationList(Record):
    """GET /api/evaluations."""

    evaluations: tuple[Evaluation, ...]


class ProblemResult(Record):
    """A problem of a run, and what became of every attempt at it."""

    id: str
    title: str
    tags: tuple[str, ...]
    difficulty: int | None
    defect: str | None
    """Known of its hidden tests."""
    attempts: tuple[AttemptResult, ...]


class ProblemResults(Record):
    """GET /api/evaluations/NAME/problems."""

    problems: tuple[ProblemResult, ...]
    total: int


class Attributed(Record):
    """GET /api/evaluations/NAME/attribution."""

    table: AttributionTable
    is_current: bool
    """False: the run has changed since."""


class TextPart(BaseModel):
    """A part of a message; other kinds are refused where they are read."""

    model_config = ConfigDict(extra="allow")

    type: str
    text: str = ""


class ChatTurn(BaseModel):
    """A message of a chat."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[TextPart] | None = None


class StreamOptions(BaseModel):
    """How a stream ends."""

    model_config = ConfigDict(extra="allow")

    include_usage: bool = False


class ChatBody(BaseModel):
    """POST /v1/chat/completions; fields that are not here are taken and named as ignored."""

    model_config = ConfigDict(extra="allow")

    model: str
    messages: Annotated[list[ChatTurn], Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    max_completion_tokens: Annotated[int, Field(gt=0)] | None = None
    stop: str | Annotated[list[str], Field(max_length=16)] | None = None
    seed: int | None = None
    n: int | None = None
    tools: list[JsonValue] | None = None
    functions: list[JsonValue] | None = None
    logprobs: bool | None = None
    response_format: JsonValue = None


class VerdictLine(Record):
    """The verdict on a sample, in a chat's answer."""

    test: int | None
    verdict: Verdict


class Extension(Record):
    """x_mapcoder: what OpenAI's shape has no place for."""

    run: str | None = None
    status: str | None = None
    mode: str
    why: str
    """The rule of the gate."""
    verdicts: tuple[VerdictLine, ...] = ()
    num_passed: int = 0
    num_tests: int = 0
    warnings: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    """Parameters that were given and have no effect."""
