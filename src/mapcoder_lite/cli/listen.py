"""`mapcoder listen`: problems from the browser become files, and programs when told so.

Knows: what is done with a problem that came, what is said.
Does not know: HTTP, file names, how statements are asked for, how a problem is solved.
"""

import json as jsons
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal
from mapcoder_lite.cli.stopping import Stopped, stoppable
from mapcoder_lite.practice.guard import Guard, heed, warning

if TYPE_CHECKING:
    from mapcoder_lite.cli.solve import Best
    from mapcoder_lite.config import Config
    from mapcoder_lite.judge.judge import SandboxJudge
    from mapcoder_lite.practice.inbox import Inbox, Received
    from mapcoder_lite.problem import Problem
    from mapcoder_lite.trajectory import Engine, Trajectory

PORT = 10043
"""One of those that the extension sends to by default."""


def listen(
    out: Annotated[Path, typer.Option("--out", help="The folder that files go to.")] = Path(),
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="On the loopback; 0 = any free one.")
    ] = PORT,
    solve: Annotated[
        bool,
        typer.Option("--solve", help="Have the agents solve each problem that has a statement."),
    ] = False,
    statement: Annotated[
        Path | None,
        typer.Option("--statement", help="The statement of the next problem; implies --once."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End after one problem.")] = False,
    guard: options.Guarded = Guard.WARN,
    config: options.Files = None,
    overrides: options.Overrides = None,
    json: options.Json = False,
) -> None:
    """Take problems from the browser extension Competitive Companion; write files for each.

    NAME.json is the problem as it came, NAME.md its statement, which the extension does not send:
    you are asked for it. .cph/ has the file by which CPH shows the samples in VS Code. With --solve
    the agents write the program; without it no model is asked anything. It ends with Ctrl-C.

    Exit code 2 = the port is taken, 6 = a file is not understood, 130 = ended by Ctrl-C; with
    --once and --solve as of `solve`: 0 = solved on samples, 1 = not, 7 = budget.* is spent, which
    bounds all problems together, 8 = --guard block.

    Example: mapcoder listen --out contest
    """
    from mapcoder_lite.practice.inbox import Inbox
    from mapcoder_lite.practice.receiver import Receiver

    settings = options.resolve(config, overrides)
    text = _statement(statement) if statement is not None else None
    _check_folder(out)
    inbox = Inbox(out)
    refusals = _Refusals()
    try:
        with stoppable(), ExitStack() as stack:
            solver = stack.enter_context(_opened(settings)) if solve else None
            desk = Desk(settings, guard, solver, json)
            receiver = stack.enter_context(
                Receiver(port, lambda fields: _accepted(inbox, fields), refusals.say)
            )
            hosts = " and ".join(receiver.hosts)
            terminal.say(f"listening on port {receiver.port} of {hosts}, for {out.resolve()}")
            while True:
                received = inbox.take()
                try:
                    code = desk.handle(received, text)
                except Stopped:
                    terminal.say(f"{received.path.name}: stopped in the middle; it is written")
                    raise
                if once or text is not None:
                    sys.exit(code)
    except Stopped as stop:
        terminal.say(f"stopped by {stop.name}: {_left(inbox)}")
        sys.exit(stop.exit_code)


def _statement(path: Path) -> str:
    """Read a statement before anything comes that needs it.

    Raises:
        InputError: it cannot be understood.
    """
    from mapcoder_lite.data.reading import MAX_STATEMENT_BYTES, read_text
    from mapcoder_lite.data.wording import read_wording

    read_wording(path)
    return read_text(path, max_bytes=MAX_STATEMENT_BYTES)


def _check_folder(folder: Path) -> None:
    from mapcoder_lite.errors import InputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {folder} is no folder: {error.strerror}") from error


def _accepted(inbox: "Inbox", fields: dict[str, object]) -> str:
    name = inbox.accept(fields)
    waiting = f", {inbox.num_waiting} wait" if inbox.num_waiting > 1 else ""
    terminal.say(f"received   {name}{waiting}")
    return name


def _left(inbox: "Inbox") -> str:
    num = inbox.num_waiting
    if not num:
        return "every problem that came was gone through"
    return f"{num} problems that came were not gone through; their files are written"


class _Refusals:
    """Says each kind of refusal once, however often a page tries."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def say(self, refusal: str) -> None:
        """Say a refusal unless it was said."""
        if refusal not in self._said and len(self._said) < 100:
            self._said.add(refusal)
            terminal.say(refusal, "yellow")


@dataclass(frozen=True, slots=True)
class Solver:
    """What solves, opened once for all problems."""

    settings: "Config"
    engine: "Engine"
    judge: "SandboxJudge"

    def solve(self, problem: "Problem", best: "Best") -> "Trajectory":
        """Have the agents solve a problem.

        Raises:
            BudgetSpent: in the middle; `best` holds the best attempt until then.
        """
        from mapcoder_lite import pipeline
        from mapcoder_lite.cli import engines
        from mapcoder_lite.events import Teller

        dials = engines.dials(self.settings)
        with terminal.waiting("the agents are at work"):
            return pipeline.solve(problem, self.engine, self.judge, dials, teller=Teller(best.hear))


@contextmanager
def _opened(settings: "Config") -> "Generator[Solver]":
    from mapcoder_lite.cli import budget, engines, preflight

    bound = budget.bounding(settings)
    ready = preflight.prepare(settings)
    settings = ready.settings
    with (
        engines.opened_engine(settings) as engine,
        engines.opened_judge(settings) as judge,
        terminal.telling(),
    ):
        terminal.say(f"backbone   {engines.describe(settings.engine, engine)}")
        preflight.say(ready, width=11)
        yield Solver(settings, bound(engine), judge)


@dataclass(frozen=True, slots=True)
class Desk:
    """Goes through the problems that came, one after the other."""

    settings: "Config"
    guard: Guard
    solver: Solver | None
    json: bool

    def handle(self, received: "Received", statement: str | None) -> int:
        """Show a problem, ask for what it lacks, write its files; return the exit code."""
        from mapcoder_lite.cli import statements
        from mapcoder_lite.errors import InputError, MapCoderError
        from mapcoder_lite.judge.languages import toolchain_of

        problem = received.problem
        terminal.say(f"\nproblem    {problem.title} ({problem.source.url or '-'})")
        program = received.path.with_suffix(toolchain_of(self.settings.run.language).suffixes[0])
        trajectory: Trajectory | None = None
        code = 0
        try:
            has_statement = statements.obtain(received.path, statement)
            self._warn(problem)
            if self.solver is not None and has_statement:
                heed(problem, self.guard)
                program, trajectory = _solved(self.solver, received, program)
                code = 0 if trajectory.stop.value == "solved" else 1
            elif self.solver is not None:
                code = 1
        except (MapCoderError, OSError) as error:  # others are still to come
            terminal.say(f"{received.path.name}: {error}", "red")
            code = error.exit_code if isinstance(error, MapCoderError) else InputError.exit_code
        self._conclude(received, program, trajectory)
        return code

    def _warn(self, problem: "Problem") -> None:
        said = warning(problem.source.url)
        if said is not None and self.guard is not Guard.OFF:
            terminal.say(said, "yellow")

    def _conclude(
        self, received: "Received", program: Path, trajectory: "Trajectory | None"
    ) -> None:
        cph = _write_cph(received, program)
        files = [received.path, *([program] if trajectory and trajectory.program else []), cph]
        if self.json:
            stop = trajectory.stop.value if trajectory else None
            names = {"problem": str(received.path), "files": [str(f) for f in files if f]}
            terminal.result(jsons.dumps(names | {"stop": stop}))
            return
        for file in filter(None, files):
            terminal.result(str(file))
        if trajectory is None:
            terminal.say(f"next       mapcoder hint {received.path}, or write {program.name}")


def _solved(solver: Solver, received: "Received", program: Path) -> "tuple[Path, Trajectory]":
    """Solve a problem and write its program, beside one that is there already."""
    from mapcoder_lite.cli.solve import Best
    from mapcoder_lite.data.load import load_problem
    from mapcoder_lite.errors import BudgetSpent

    best = Best()
    try:
        trajectory = solver.solve(load_problem(received.path), best)
    except BudgetSpent:
        if best.program is not None:
            terminal.say(f"best attempt until then: {_written(best.program, program)}")
        raise
    if trajectory.program is None:
        why = trajectory.detail or trajectory.stop.value.replace("_", " ")
        terminal.say(f"NOT solved, no program: {why}", "red")
        return program, trajectory
    place = _written(trajectory.program, program)
    is_solved = trajectory.stop.value == "solved"
    said = (
        "solved on samples" if is_solved else f"NOT solved: {trajectory.stop.value}, best attempt"
    )
    terminal.say(f"{said} in {trajectory.seconds:.1f} s", "green" if is_solved else "red")
    return place, trajectory


def _written(text: str, program: Path) -> Path:
    """Write a program where no other one is; return where."""
    from mapcoder_lite.jsonl import write_text
    from mapcoder_lite.practice.inbox import free_place

    place = free_place(program)
    write_text(place, text.rstrip("\n") + "\n")
    return place


def _write_cph(received: "Received", program: Path) -> Path | None:
    """Write the file that shows the samples beside the program in the editor."""
    from mapcoder_lite.data.companion import cph_path, cph_text
    from mapcoder_lite.jsonl import write_text

    place = cph_path(program.resolve())
    try:
        place.parent.mkdir(exist_ok=True)
        write_text(place, cph_text(received.problem, program.resolve()))
    except OSError as error:
        terminal.say(f"CPH's file could not be written: {error}", "red")
        return None
    return place
