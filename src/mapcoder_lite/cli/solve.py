"""`mapcoder solve`: the four agents at work on one problem, live.

Knows: what goes to which stream, what is called solved.
Does not know: how a problem is solved, how events are shown.
"""

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal
from mapcoder_lite.practice.guard import Guard, heed

if TYPE_CHECKING:
    from collections.abc import Generator

    from mapcoder_lite.events import Event, Listener
    from mapcoder_lite.problem import Problem
    from mapcoder_lite.trajectory import Step, Trajectory


def solve(
    problem: Annotated[
        Path,
        typer.Argument(
            metavar="PROBLEM",
            help="Statement (Markdown, text), problem.json, Companion, CPH, oj or Kattis.",
        ),
    ],
    guard: options.Guarded = Guard.WARN,
    config: options.Files = None,
    overrides: options.Overrides = None,
    replies: Annotated[bool, typer.Option("--replies", help="Show the models' replies.")] = False,
    json: options.Json = False,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print every event as a line of JSON.")
    ] = False,
) -> None:
    """Solve one problem: live view on stderr, the program on stdout.

    Exit code 0 = solved on samples, 1 = not solved, 4 = no usable reply, 7 = budget.* is spent (the
    best attempt is printed), 8 = --guard block.

    Example: mapcoder solve problem.md > solution.py
    """
    from mapcoder_lite import pipeline
    from mapcoder_lite.cli import budget, engines, preflight
    from mapcoder_lite.data.load import load_problem
    from mapcoder_lite.engine.prices import prices_of
    from mapcoder_lite.errors import ConfigError
    from mapcoder_lite.events import Teller

    if json and jsonl:
        raise ConfigError("--json is one document, --jsonl a line an event: give one of them")
    settings = options.resolve(config, overrides)
    bound = budget.bounding(settings)
    wanted = load_problem(problem)
    _introduce(wanted)
    if said := heed(wanted, guard):
        terminal.say(said, "yellow")
    ready = preflight.prepare(settings, (wanted,))
    settings = ready.settings
    with (
        engines.opened_engine(settings, (wanted,)) as engine,
        engines.opened_judge(settings) as judge,
        terminal.telling(),
    ):
        terminal.say(f"backbone   {engines.describe(settings.engine, engine)}")
        preflight.say(ready, width=11)
        with _best_at_least(is_wanted=not (json or jsonl)) as best, _shown(replies, jsonl) as show:
            dials = engines.dials(settings)
            teller = Teller(best.heard_before(show), dollars=prices_of(settings).of_call)
            trajectory = pipeline.solve(wanted, bound(engine), judge, dials, teller=teller)
    _conclude(trajectory)
    if json:
        terminal.result(trajectory.model_dump_json(indent=2))
    elif jsonl:
        pass  # all was told
    elif trajectory.program is not None:
        terminal.result(trajectory.program.rstrip("\n"))
    sys.exit(_exit_code(trajectory))


@contextmanager
def _shown(with_replies: bool, is_jsonl: bool) -> "Generator[Listener]":
    """Show the events to a person, or print them for a program."""
    if is_jsonl:
        yield lambda event, _: terminal.result(event.model_dump_json())
        return
    from mapcoder_lite.cli.live import following

    with following(with_replies=with_replies) as show:
        yield show


@dataclass(slots=True)
class Best:
    """The program to submit, as the solve's last event has it."""

    program: str | None = None

    def hear(self, event: "Event", _: "Step | None") -> None:
        """Keep what a finished solve would submit."""
        self.program = event.program if event.kind == "run.finished" else None

    def heard_before(self, show: "Listener") -> "Listener":
        """Return what hears of it and shows every event on."""

        def hear(event: "Event", step: "Step | None") -> None:
            self.hear(event, step)
            show(event, step)

        return hear


@contextmanager
def _best_at_least(*, is_wanted: bool) -> "Generator[Best]":
    """Print the best attempt where the budget ends the solve."""
    from mapcoder_lite.errors import BudgetSpent

    best = Best()
    try:
        yield best
    except BudgetSpent:
        if is_wanted and best.program is not None:
            terminal.result(best.program.rstrip("\n"))
        raise


def _introduce(problem: "Problem") -> None:
    terminal.say(terminal.one_line(f"problem    {problem.title or problem.id}"))
    if problem.public_tests:
        terminal.say(f"samples    {len(problem.public_tests)} found")
    else:
        terminal.say(
            "samples    none found: no program can be tested, so none will be called solved; "
            "give examples under the headings Input and Output",
            "yellow",
        )


def _conclude(trajectory: "Trajectory") -> None:
    from mapcoder_lite.trajectory import StopReason

    calls = trajectory.calls
    models = ", ".join(sorted({call.completion.model for call in calls if call.completion.model}))
    terminal.say(f"{len(calls)} calls in {trajectory.seconds:.1f} s, answered by {models or '-'}")
    match trajectory.stop:
        case StopReason.SOLVED:
            terminal.say("solved on samples (hidden tests are not known here)", "green")
        case StopReason.UNTESTED:
            terminal.say("NOT called solved: there was no sample to test the program on", "yellow")
        case StopReason.EXHAUSTED:
            terminal.say("NOT solved: no program passed all samples; best attempt below", "red")
        case _:
            why = trajectory.detail or trajectory.stop.value.replace("_", " ")
            terminal.say(f"NOT solved: {why}", "red")


def _exit_code(trajectory: "Trajectory") -> int:
    from mapcoder_lite.trajectory import StopReason

    if trajectory.stop is StopReason.SOLVED:
        return 0
    return 1 if trajectory.program is not None else 4
