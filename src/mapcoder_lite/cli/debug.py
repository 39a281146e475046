"""`mapcoder debug`: the debugging agent alone, on a program of the user's.

Knows: how rounds are shown.
Does not know: how a program is corrected.
"""

import difflib
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal
from mapcoder_lite.practice.guard import Guard, heed

if TYPE_CHECKING:
    from mapcoder_lite.events import Event
    from mapcoder_lite.trajectory import Call, Step, Trajectory, Trial


def debug(
    program: Annotated[Path, typer.Argument(metavar="PROGRAM", help="Your program.")],
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
    json: options.Json = False,
) -> None:
    """Have your own program corrected by the debugging agent, in traversal.t rounds at most.

    Each round shows its verdict on every sample and what it changed. Your file stays as it is: the
    program that passes most samples, yours on a tie, goes to stdout.

    Exit code 0 = solved on samples, 1 = not, 6 = an input is not understood, 8 = --guard block.

    Example: mapcoder debug mine.py problem.md > mended.py
    """
    from mapcoder_lite import pipeline
    from mapcoder_lite.cli import budget, engines, preflight
    from mapcoder_lite.cli.programs import read_program
    from mapcoder_lite.data.load import load_problem
    from mapcoder_lite.events import Teller

    settings = options.resolve(config, overrides)
    bound = budget.bounding(settings)
    own = read_program(program)
    wanted = load_problem(problem)
    if said := heed(wanted, guard):
        terminal.say(said, "yellow")
    ready = preflight.prepare(settings, (wanted,))
    settings = ready.settings
    dials = replace(engines.dials(settings), language=own.language)
    with (
        engines.opened_engine(settings, (wanted,)) as engine,
        engines.opened_judge(settings) as judge,
        terminal.telling(),
    ):
        terminal.say(f"backbone   {engines.describe(settings.engine, engine)}")
        preflight.say(ready, width=11)
        view = _View()
        with terminal.waiting("the debugging agent is at work"):
            task, teller = pipeline.debug_task(own.program), Teller(view.hear)
            trajectory = pipeline.work_on(task, wanted, bound(engine), judge, dials, teller=teller)
    _conclude(trajectory, own.program)
    if json:
        terminal.result(trajectory.model_dump_json(indent=2))
    elif trajectory.program is not None:
        terminal.result(trajectory.program.rstrip("\n"))
    sys.exit(0 if trajectory.stop.value == "solved" else 1)


@dataclass(slots=True)
class _View:
    """Shows rounds as they come, each against the program before it."""

    program: str | None = None

    def hear(self, _: "Event", step: "Step | None") -> None:
        """Show a program's changes and verdicts, or a call."""
        if step is None:
            return
        if step.step == "call":
            _show_call(step)
            return
        if self.program is not None:
            _show_changes(self.program, step.program)
        self.program = step.program
        _show_verdicts(step)


def _show_call(call: "Call") -> None:
    answer = call.completion
    cost = f"{answer.seconds:.1f} s, {answer.usage.completion_tokens} tokens"
    if call.failure is None:
        terminal.say(f"\nround {call.round}: the agent answers ({cost})")
    else:
        terminal.say(f"\nround {call.round}: unreadable ({cost}): {call.failure.detail}", "yellow")


def _show_changes(before: str, after: str) -> None:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    changes = list(lines)[2:]
    if not changes:
        terminal.say("  nothing is changed", "yellow")
    for line in changes:
        colour = {"+": "green", "-": "red"}.get(line[:1])
        terminal.say(f"  {line}", colour)


def _show_verdicts(trial: "Trial") -> None:
    from mapcoder_lite.cli import verdicts

    judgement = trial.judgement
    name = "your program" if trial.round == 0 else f"after round {trial.round}"
    terminal.say(f"{name}:")
    for line in verdicts.details(judgement).split("\n"):
        terminal.say(f"  {line}", "green" if judgement.is_accepted else None)


def _conclude(trajectory: "Trajectory", own: str) -> None:
    from mapcoder_lite.trajectory import StopReason

    num_rounds = sum(trial.round > 0 for trial in trajectory.trials)
    match trajectory.stop:
        case StopReason.SOLVED if trajectory.program == own:
            terminal.say("your program passes all samples: nothing to debug", "green")
        case StopReason.SOLVED:
            terminal.say(f"solved on samples after {num_rounds} rounds", "green")
        case StopReason.UNTESTED:
            terminal.say("there are no samples, so nothing can be debugged", "yellow")
        case StopReason.TOO_LONG:
            terminal.say(f"NOT solved: {trajectory.detail}", "red")
        case _:
            kept = "yours" if trajectory.program == own else "the best one"
            terminal.say(f"NOT solved in {num_rounds} rounds; {kept} is printed", "red")
