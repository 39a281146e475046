"""`mapcoder solve`: the four agents at work on one problem, live.

Knows: how steps are shown, what is called solved.
Does not know: how a problem is solved.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal

if TYPE_CHECKING:
    from mapcoder_lite.problem import Problem
    from mapcoder_lite.trajectory import Call, Step, Trajectory, Trial


def solve(
    problem: Annotated[
        Path,
        typer.Argument(
            metavar="PROBLEM",
            help="Statement (Markdown, text), problem.json, Companion, CPH, oj or Kattis.",
        ),
    ],
    config: options.Files = None,
    overrides: options.Overrides = None,
    replies: Annotated[bool, typer.Option("--replies", help="Show the models' replies.")] = False,
    json: options.Json = False,
) -> None:
    """Solve one problem: live view on stderr, the program on stdout.

    Exit code 0 = solved on samples, 1 = not solved, 4 = no usable reply.

    Example: mapcoder solve problem.md > solution.py
    """
    from mapcoder_lite import pipeline
    from mapcoder_lite.cli import engines, preflight
    from mapcoder_lite.data.load import load_problem

    settings = options.resolve(config, overrides)
    wanted = load_problem(problem)
    _introduce(wanted)
    ready = preflight.prepare(settings, (wanted,))
    settings = ready.settings
    with (
        engines.opened_engine(settings, (wanted,)) as engine,
        engines.opened_judge(settings) as judge,
        terminal.telling(),
    ):
        terminal.say(f"backbone   {engines.describe(settings.engine, engine)}")
        preflight.say(ready, width=11)
        with terminal.waiting("the agents are at work"):
            trajectory = pipeline.solve(
                wanted,
                engine,
                judge,
                engines.dials(settings),
                on_step=lambda step: show_step(step, replies),
            )
    _conclude(trajectory)
    if json:
        terminal.result(trajectory.model_dump_json(indent=2))
    elif trajectory.program is not None:
        terminal.result(trajectory.program.rstrip("\n"))
    sys.exit(_exit_code(trajectory))


def _introduce(problem: "Problem") -> None:
    terminal.say(f"problem    {problem.title or problem.id}")
    if problem.public_tests:
        terminal.say(f"samples    {len(problem.public_tests)} found")
    else:
        terminal.say(
            "samples    none found: no program can be tested, so none will be called solved; "
            "give examples under the headings Input and Output",
            "yellow",
        )


def show_step(step: "Step", with_reply: bool = False) -> None:
    """Show a step as it happens: the cost of a call, the verdict of a trial."""
    if step.step == "trial":
        _show_trial(step)
        return
    _show_call(step)
    if with_reply:
        terminal.say("\n".join(f"    | {line}" for line in step.completion.text.split("\n")))


def _show_call(call: "Call") -> None:
    place = "" if call.plan_index is None else f" {call.plan_index + 1}"
    round = f", round {call.round}" if call.round else ""
    answer = call.completion
    tokens = f"{answer.usage.prompt_tokens:6d} + {answer.usage.completion_tokens} tokens"
    cost = f"{answer.seconds:6.1f} s {tokens}"
    name = f"{call.kind.value}{place}{round}"
    if call.failure is None:
        terminal.say(f"{name:24}{cost}   {call.note or ''}".rstrip())
    else:
        unread = f"unreadable ({call.failure.kind}): {call.failure.detail}"
        terminal.say(f"{name:24}{cost}   {unread}", "yellow")


def _show_trial(trial: "Trial") -> None:
    judgement = trial.judgement
    line = (
        f"{'  judged':24}{judgement.verdict.value:>8}   "
        f"{judgement.num_passed} of {judgement.num_total} samples passed"
    )
    failure = judgement.first_failure
    if failure is not None:
        line += f"; sample {failure.index + 1}: {failure.verdict.value} {failure.reason}".rstrip()
    terminal.say(line, "green" if judgement.is_accepted else "red")


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
