"""Engines and judges opened from the configuration: one kind, one function.

Knows: which class answers for which kind, where the pocket weights lie.
Does not know: verbs, how engines work. Imported only inside verbs: it is heavy.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from itertools import chain
from pathlib import Path

from mapcoder_lite.calls import StoredCall
from mapcoder_lite.config import Config, api_key
from mapcoder_lite.errors import ConfigError, EngineError
from mapcoder_lite.jsonl import read_lines
from mapcoder_lite.judge.calibration import Calibration, calibrate
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.sandbox import Tier
from mapcoder_lite.pocket.problems import Puzzle
from mapcoder_lite.pocket.world import LABEL, WEIGHTS
from mapcoder_lite.problem import Problem
from mapcoder_lite.settings import EngineConfig, EngineKind, ServerKind, TraversalConfig
from mapcoder_lite.trajectory import Completion, Engine, Request, Role, Watch
from mapcoder_lite.traversals.attempt import Dials


@contextmanager
def opened_engine(settings: Config, problems: Sequence[Problem] = ()) -> Generator[Engine]:
    """Open the engines of a configuration as one, to be asked about these problems, and close it.

    A role's requests go to its own engine if it has one, all others to a teacher by their sample.

    Raises:
        ConfigError: a setting that the kind of engine needs is missing.
        EngineError: an engine cannot be had.
    """
    engine = open_engine(settings, problems)
    try:
        yield engine
    finally:
        engine.close()


def open_engine(settings: Config, problems: Sequence[Problem] = ()) -> Engine:
    """Open the engines of a configuration as one, which the caller closes.

    Raises:
        ConfigError: a setting that the kind of engine needs is missing.
        EngineError: an engine cannot be had.
    """
    from mapcoder_lite.engine.routes import RoutedEngine

    teachers = [settings.engine, *settings.teachers]
    if len(teachers) == 1 and not settings.roles:
        return open_one(settings.engine, problems)
    wanted = {f"teacher {number}": engine for number, engine in enumerate(teachers)}
    wanted |= {role.value: engine for role, engine in settings.roles.items()}
    opened: dict[str, Engine] = {}
    try:
        for name, engine in wanted.items():
            opened[name] = open_one(engine, problems)
    except BaseException:
        for engine in opened.values():
            engine.close()
        raise
    return RoutedEngine(opened, partial(route, frozenset(settings.roles), len(teachers)))


def open_one(engine: EngineConfig, problems: Sequence[Problem] = ()) -> Engine:
    """Open one engine with its replicas, such as a configuration's supervisor.

    Raises:
        ConfigError: a setting that the kind of engine needs is missing.
        EngineError: the engine cannot be had.
    """
    return _OPENERS[engine.kind](engine, problems)


def supervising(engine: EngineConfig, settings: Config) -> Config:
    """Return what a supervisor's engine is opened with in a command of these settings.

    It is no role, so no adapter answers for it.
    """
    return Config(
        engine=engine.model_copy(update={"adapters": False}),
        traversal=TraversalConfig(max_tokens=settings.repair.max_tokens),
    )


def route(roles: frozenset[str], num_teachers: int, request: Request) -> str:
    """Name who answers: the role's own engine, else the teacher whose turn the sample is."""
    if request.adapter in roles:
        return request.adapter
    return f"teacher {request.sample % num_teachers}"


@contextmanager
def opened_judge(settings: Config, *, cache: Path | None = None) -> Generator[SandboxJudge]:
    """Open the judge of a configuration, and close it.

    `cache` keeps what compilers made, instead of this user's folder.

    Raises:
        SandboxError: programs cannot be isolated here.
    """
    judge = open_judge(settings, cache)
    try:
        yield judge
    finally:
        judge.close()


def open_judge(settings: Config, cache: Path | None = None) -> SandboxJudge:
    """Open the judge of a configuration, which the caller closes.

    Raises:
        SandboxError: programs cannot be isolated here.
    """
    wanted = settings.judge
    tier = None if wanted.tier == "auto" else wanted.tier
    factor = wanted.speed_factor
    if factor == "auto":
        factor = measured_speed(tier, wanted.unsafe).speed_factor
    return SandboxJudge(
        wanted.workers, tier=tier, unsafe=wanted.unsafe, speed_factor=factor, cache=cache
    )


@cache
def measured_speed(tier: Tier | None, unsafe: bool) -> Calibration:
    """Measure this machine, once a process.

    Raises:
        SandboxError: programs cannot be isolated here, or a kernel cannot be run.
    """
    with SandboxJudge(1, tier=tier, unsafe=unsafe) as judge:
        return calibrate(judge)


def dials(settings: Config) -> Dials:
    """Return the traversal's budget and manner."""
    return Dials.of(settings.traversal, settings.run.language)


def describe(settings: EngineConfig, engine: Engine) -> str:
    """Say in one line who answers, and what may be expected of it."""
    if settings.kind is EngineKind.POCKET:
        adapters = "with its four adapters" if settings.adapters else "untuned, without adapters"
        return f"{LABEL} ({adapters}; another answers with -s engine.kind=local or openai)"
    return f"{settings.kind.value}: {engine.identity}"


def has_pocket_weights() -> bool:
    """Whether the bundled backbone is in the package."""
    return (WEIGHTS / "pocket-backbone" / "config.json").exists()


class RoleAdapters:
    """An engine in which a role without an adapter is answered by the bare backbone."""

    def __init__(self, inner: Engine, adapters: frozenset[str]) -> None:
        self._inner = inner
        self._adapters = adapters

    @property
    def identity(self) -> str:
        """The inner identity and the roles that have adapters."""
        return f"{self._inner.identity} roles={','.join(sorted(self._adapters)) or 'none'}"

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Answer every request, in order.

        Raises:
            EngineError: the inner engine cannot answer.
        """
        return self._inner.complete([self._addressed(request) for request in requests], watch)

    def close(self) -> None:
        """Close the inner engine."""
        self._inner.close()

    def _addressed(self, request: Request) -> Request:
        if request.adapter is None or request.adapter in self._adapters:
            return request
        return request.model_copy(update={"adapter": None})


def _pocket(settings: EngineConfig, problems: Sequence[Problem]) -> Engine:
    if not has_pocket_weights():
        raise EngineError(
            f"the pocket weights are not in {WEIGHTS}: build them with `make pocket`, "
            "or choose another engine with -s engine.kind=openai"
        )
    adapters = settings.adapters
    if adapters is True:
        adapters = {role: str(WEIGHTS / "adapters" / role.value) for role in Role}
    return _in_process(settings, WEIGHTS / "pocket-backbone", adapters or {})


def _local(settings: EngineConfig, problems: Sequence[Problem]) -> Engine:
    if settings.backbone is None:
        raise ConfigError("engine.kind=local needs engine.backbone, the folder of a model")
    if settings.adapters is True:
        raise ConfigError(
            "engine.kind=local needs engine.adapters: a folder for each role, as "
            '{coding = "adapters/a/coding"}, or false for the bare backbone'
        )
    return _in_process(settings, Path(settings.backbone), settings.adapters or {})


def _in_process(settings: EngineConfig, backbone: Path, adapters: Mapping[Role, str]) -> Engine:
    try:
        from mapcoder_lite.engine.decode import Room
        from mapcoder_lite.engine.local import LocalEngine
    except ImportError as error:
        raise EngineError(
            f"the model runs in this process by torch and transformers, which are missing "
            f"({error.name}): pip install 'mapcoder-lite[local]'"
        ) from error
    engine = LocalEngine(
        backbone,
        {role.value: Path(folder) for role, folder in adapters.items()},
        device=settings.device,
        dtype=settings.dtype,
        room=Room(
            settings.max_batch_rows,
            settings.cache_bytes,
            settings.prefix_cache_bytes,
            settings.draft_tokens,
        ),
        num_threads=settings.num_threads,
    )
    return RoleAdapters(engine, frozenset(role.value for role in adapters))


def _teacher(settings: EngineConfig, problems: Sequence[Problem]) -> Engine:
    from mapcoder_lite.pocket.teacher import MistakeRates, TeacherEngine

    return TeacherEngine(
        known_puzzles(problems),
        MistakeRates().times(settings.mistakes),
        is_stubborn=settings.stubborn,
    )


def _supervisor(settings: EngineConfig, problems: Sequence[Problem]) -> Engine:
    from mapcoder_lite.pocket.supervisor import ErrorRates, SupervisorEngine

    return SupervisorEngine(known_puzzles(problems), ErrorRates().times(settings.mistakes))


def known_puzzles(problems: Sequence[Problem]) -> list[Puzzle]:
    """Return the puzzles that these problems are; only the sets that they come from are drawn."""
    from mapcoder_lite.pocket.world import SIZES, problem_set

    wanted = {problem.statement for problem in problems}
    splits = {problem.source.split for problem in problems}
    puzzles = chain.from_iterable(problem_set(split) for split in SIZES if split in splits)
    known: list[Puzzle] = []
    for puzzle in puzzles:
        if len(known) == len(wanted):
            break
        if puzzle.problem.statement in wanted:
            known.append(puzzle)
    return known


def _openai(settings: EngineConfig, problems: Sequence[Problem]) -> Engine:
    from mapcoder_lite.engine.replicas import ReplicatedEngine

    if settings.base_url is None or settings.model is None:
        raise ConfigError(
            "engine.kind=openai needs engine.model and engine.base_url, as http://localhost:8000/v1"
        )
    addresses = tuple(dict.fromkeys((settings.base_url, *settings.replicas)))
    servers = [(address, _server(settings, address, settings.model)) for address in addresses]
    return servers[0][1] if len(servers) == 1 else ReplicatedEngine(servers)


def _server(settings: EngineConfig, address: str, model: str) -> Engine:
    from mapcoder_lite.engine.limits import Limits
    from mapcoder_lite.engine.openai import OpenAIEngine, Patience

    if not address.startswith(("http://", "https://")):
        raise ConfigError(
            f"{address} in engine.base_url or engine.replicas is no address: write it as "
            "http://localhost:8000/v1"
        )
    adapters = settings.adapters
    if adapters is True:
        # As a server is started by `--lora-modules retrieval=DIR planning=DIR ...`.
        adapters = {role: role.value for role in Role}
    names = {role.value: name for role, name in (adapters or {}).items()}
    engine = OpenAIEngine(
        address,
        model,
        names,
        kind=settings.server or ServerKind.OPENAI,
        context_tokens=settings.context_tokens,
        api_key=api_key(settings),
        patience=Patience(settings.timeout_seconds, settings.idle_seconds, settings.max_retries),
        limits=Limits(settings.max_in_flight, settings.max_tokens_in_flight),
    )
    return RoleAdapters(engine, frozenset(names))


def _replay(settings: EngineConfig, problems: Sequence[Problem]) -> Engine:
    from mapcoder_lite.engine.replay import ReplayEngine

    if settings.recording is None:
        raise ConfigError("engine.kind=replay needs engine.recording, a run directory")
    calls = Path(settings.recording) / "calls.jsonl"
    if not calls.exists():
        raise ConfigError(f"engine.recording={settings.recording} holds no calls.jsonl")
    return ReplayEngine(
        {call.request.key: call.completion for call in read_lines(calls, StoredCall)}
    )


_OPENERS: dict[EngineKind, Callable[[EngineConfig, Sequence[Problem]], Engine]] = {
    EngineKind.POCKET: _pocket,
    EngineKind.LOCAL: _local,
    EngineKind.OPENAI: _openai,
    EngineKind.TEACHER: _teacher,
    EngineKind.SUPERVISOR: _supervisor,
    EngineKind.REPLAY: _replay,
}
