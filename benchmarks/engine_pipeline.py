"""The whole pipeline over pocket problems, against the original's one call at a time.

The original (MapCoder's published code) works on one problem, asks one question, waits for the
whole reply, and computes every prompt anew. Here that way runs on our engine, with its reuse of
prompts and its drafts switched off; beside it the same order of calls with both switched on, so
that the table says what comes from the order and what from the engine. All ways must ask and hear
the same.

Knows: the pocket world, the original's way.
Does not know: how an engine works, how programs are judged.
"""

import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from mapcoder_lite import config, pipeline
from mapcoder_lite.cli import engines
from mapcoder_lite.pocket.world import problem_set
from mapcoder_lite.problem import Problem
from mapcoder_lite.trajectory import Completion, Engine, Request, StopReason, Trajectory, Watch

ORIGINAL = "the original's way: one problem, one call, one token at a time"
ORDER_ONLY = "one problem, one call at a time, this engine's drafts and reuse"
OURS = "one problem at a time, ours"
PLAIN = ("engine.prefix_cache_bytes=0", "engine.draft_tokens=0")

Solve = Callable[[Problem], Trajectory]


@dataclass(slots=True)
class Way:
    """One way to solve, and what came of it."""

    solve: Solve
    solved: dict[str, Trajectory] = field(default_factory=dict[str, Trajectory])

    def work(self, problem: Problem) -> None:
        self.solved[problem.id] = self.solve(problem)

    @property
    def seconds(self) -> float:
        """Of all problems, one after another."""
        return sum(trajectory.seconds for trajectory in self.solved.values())


class OneCallAtATime:
    """Asks the next question only after the last answer."""

    def __init__(self, inner: Engine) -> None:
        self._inner = inner

    @property
    def identity(self) -> str:
        return self._inner.identity

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        watch = watch or Watch()
        return [
            self._inner.complete([request], watch.of([index]))[0]
            for index, request in enumerate(requests)
        ]

    def close(self) -> None:
        self._inner.close()


def compare(*, quick: bool, threads: int) -> list[str]:
    """Solve the problems in every way; return the tables."""
    count = 8 if quick else 32
    warm_up, *problems = (puzzle.problem for puzzle in islice(problem_set("test"), count + 1))
    ways = {
        name: one_by_one(warm_up, problems, threads, settings, is_one_call=is_one_call)
        for name, settings, is_one_call in (
            (ORIGINAL, PLAIN, True),
            (ORDER_ONLY, (), True),
            (OURS, (), False),
        )
    }
    seconds, together = at_once(warm_up, problems, threads)
    check(ways, together)
    return [*table(ways, seconds), *calls(ways[OURS])]


@contextmanager
def opened(threads: int, settings: Sequence[str], *, is_one_call: bool) -> Iterator[Solve]:
    overrides = [f"engine.num_threads={threads}", *settings]
    chosen = config.load(overrides=overrides)
    dials = engines.dials(chosen)
    with engines.opened_engine(chosen) as engine, engines.opened_judge(chosen) as judge:
        asked = OneCallAtATime(engine) if is_one_call else engine
        yield lambda problem: pipeline.solve(problem, asked, judge, dials)


def one_by_one(
    warm_up: Problem,
    problems: Sequence[Problem],
    threads: int,
    settings: Sequence[str],
    *,
    is_one_call: bool,
) -> Way:
    """Solve one problem after another, with an engine that has the process for itself.

    Ways do not take turns: the threads of several engines would outnumber the processors, which
    puts them to sleep at every product.
    """
    with opened(threads, settings, is_one_call=is_one_call) as solve:
        solve(warm_up)
        way = Way(solve)
        for problem in problems:
            way.work(problem)
    return way


def at_once(
    warm_up: Problem, problems: Sequence[Problem], threads: int
) -> tuple[float, dict[str, Trajectory]]:
    """Solve all problems on as many threads; return the seconds and the trajectories."""
    by_id = {problem.id: problem for problem in problems}
    with opened(threads, (), is_one_call=False) as solve:
        way = Way(solve)
        solve(warm_up)
        started = time.perf_counter()
        with ThreadPoolExecutor(len(by_id)) as pool:
            list(pool.map(way.work, by_id.values()))
        return time.perf_counter() - started, way.solved


def check(ways: Mapping[str, Way], together: dict[str, Trajectory]) -> None:
    """End the benchmark unless every way asked and heard the same, and solved something."""
    expected = said(ways[ORIGINAL].solved)
    if any(said(solved) != expected for solved in (together, *(w.solved for w in ways.values()))):
        sys.exit("the ways say different things: their times do not compare")
    if sum(one.stop is StopReason.SOLVED for one in together.values()) < len(together) // 2:
        sys.exit("less than half of the problems are solved on their samples: something is broken")


def said(solved: dict[str, Trajectory]) -> dict[str, list[tuple[str, str]]]:
    return {
        id: [(call.request.key, call.completion.text) for call in trajectory.calls]
        for id, trajectory in solved.items()
    }


def table(ways: Mapping[str, Way], at_once_seconds: float) -> list[str]:
    num_problems = len(ways[OURS].solved)
    lines = [
        f"### The whole pipeline over {num_problems} pocket problems",
        "",
        "Checked: every way asked the same questions and heard the same replies.",
        "",
        "| way | seconds | problems an hour | median latency s |",
        "| --- | --- | --- | --- |",
    ]
    for name, way in ways.items():
        latency = statistics.median(one.seconds for one in way.solved.values())
        rate = 3600 * num_problems / way.seconds
        lines.append(f"| {name} | {way.seconds:.1f} | {rate:.0f} | {latency:.2f} |")
    rate = 3600 * num_problems / at_once_seconds
    lines += [
        f"| {num_problems} problems at once, ours | {at_once_seconds:.1f} | {rate:.0f} | |",
        "",
        "| what | number | target | met |",
        "| --- | --- | --- | --- |",
        ratio("problems an hour / original", ways[ORIGINAL].seconds / at_once_seconds, 6),
        ratio("original / ours, latency of a problem, median", latency_ratio(ways, ORIGINAL), 2),
        ratio("original / ours, seconds of all", ways[ORIGINAL].seconds / ways[OURS].seconds, 2),
        ratio("problems an hour / order only", ways[ORDER_ONLY].seconds / at_once_seconds, 6),
        ratio("order only / ours, latency, median", latency_ratio(ways, ORDER_ONLY), 2),
    ]
    return lines


def latency_ratio(ways: Mapping[str, Way], name: str) -> float:
    return statistics.median(
        trajectory.seconds / ways[OURS].solved[id].seconds
        for id, trajectory in ways[name].solved.items()
    )


def ratio(what: str, number: float, target: float) -> str:
    return f"| {what} | {number:.2f} | >= {target} | {'yes' if number >= target else '**no**'} |"


def calls(way: Way) -> list[str]:
    """Say what the work consisted of."""
    asked = [call for trajectory in way.solved.values() for call in trajectory.calls]
    usages = [call.completion.usage for call in asked]
    kinds = Counter(call.kind.value for call in asked)
    return [
        "",
        f"{len(asked)} calls: {', '.join(f'{count} {kind}' for kind, count in kinds.items())}; "
        f"{sum(u.prompt_tokens for u in usages)} prompt tokens, of which "
        f"{sum(u.cached_tokens for u in usages)} were not computed again one problem at a time, "
        f"and {sum(u.completion_tokens for u in usages)} new ones.",
    ]
