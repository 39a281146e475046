"""`mapcoder hint`: as much of the solution as is asked for, one rung at a time.

Knows: how rungs are shown, who asks for the next one.
Does not know: what a rung is made of.
"""

import sys
from collections.abc import Iterator
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal
from mapcoder_lite.practice.guard import Guard, heed

if TYPE_CHECKING:
    from mapcoder_lite.practice.hints import Hint
    from mapcoder_lite.trajectory import Step

NUM_RUNGS = 4


def hint(
    problem: Annotated[
        Path,
        typer.Argument(
            metavar="PROBLEM",
            help="Statement (Markdown, text), problem.json, Companion, CPH, oj or Kattis.",
        ),
    ],
    level: Annotated[
        int | None,
        typer.Option(
            "--level",
            min=1,
            max=NUM_RUNGS,
            help="1 = kind of problem, 2 = idea, 3 = plan, 4 = program; asked for on a terminal.",
        ),
    ] = None,
    guard: options.Guarded = Guard.WARN,
    config: options.Files = None,
    overrides: options.Overrides = None,
    json: options.Json = False,
) -> None:
    """Give hints on a problem: what kind it is, the idea, a plan, at last a program.

    Each rung asks the model only for what it shows. On a terminal the next one comes when you want
    it; elsewhere the first, or those up to --level. Exit code 0 = hints given (a program: solved on
    samples), 1 = the program is not solved on samples, 4 = no usable reply, 8 = --guard block.

    Example: mapcoder hint problem.md --level 2
    """
    from mapcoder_lite.cli import budget, engines, preflight
    from mapcoder_lite.data.load import load_problem
    from mapcoder_lite.events import Teller
    from mapcoder_lite.practice import hints
    from mapcoder_lite.trajectory import Call

    settings = options.resolve(config, overrides)
    bound = budget.bounding(settings)
    wanted = load_problem(problem)
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
        calls: list[Step] = []
        teller = Teller(lambda _, step: calls.append(step) if isinstance(step, Call) else None)
        rungs = hints.climb(wanted, bound(engine), judge, engines.dials(settings), teller)
        given = _give(rungs, level, json)
    terminal.say(f"{len(calls)} calls")
    if json:
        terminal.result(dumps([_outcome(one) for one in given]))
    sys.exit(_exit_code(given[-1]))


def _give(rungs: "Iterator[Hint]", level: int | None, json: bool) -> "list[Hint]":
    """Show rungs up to the level, or for as long as the person wants more."""
    is_asking = level is None and terminal.is_interactive()
    given: list[Hint] = []
    while True:
        with terminal.waiting("the agents are at work"):
            one = next(rungs, None)
        if one is None:
            return given
        given.append(one)
        if not json:
            _show(one)
        if not one.text or (not is_asking and len(given) >= (level or 1)):
            return given
        if is_asking and len(given) < NUM_RUNGS and not _wants_more():
            return given


def _wants_more() -> bool:
    return terminal.ask("Enter = one more hint, anything else = enough: ") == ""


def _show(one: "Hint") -> None:
    if not one.text:
        terminal.say(f"{one.rung.value}: the model's replies could not be read, twice", "red")
        return
    terminal.result(f"{one.rung.value}:\n{_indented(one.text)}")
    if one.trajectory is not None:
        is_solved = one.trajectory.stop.value == "solved"
        said = "solved on samples" if is_solved else f"NOT solved: {one.trajectory.stop.value}"
        terminal.say(said, "green" if is_solved else "red")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.rstrip().split("\n"))


def _outcome(one: "Hint") -> dict[str, str | None]:
    """Return a hint as JSON; of a program how it ended, in place of its whole trajectory."""
    stop = one.trajectory.stop.value if one.trajectory else None
    return {"rung": one.rung.value, "text": one.text, "stop": stop}


def _exit_code(last: "Hint") -> int:
    if not last.text:
        return 4
    return 0 if last.trajectory is None or last.trajectory.stop.value == "solved" else 1
