"""`mapcoder stress`: small inputs against a program until a brute force answers otherwise.

Knows: files, how a counterexample is shown and kept.
Does not know: how one is found.
"""

import json as jsons
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal

if TYPE_CHECKING:
    from mapcoder_lite.practice.stress import Counterexample, Effort, ProgramFile, Search
    from mapcoder_lite.problem import Problem

KEPT = ".stress.json"


Program = Annotated[Path, typer.Argument(metavar="PROGRAM", help="The program under test.")]
Brute = Annotated[Path, typer.Argument(metavar="BRUTE", help="A slow program, surely right.")]
Generator = Annotated[
    Path | None,
    typer.Option(
        "--generator",
        help="A program that reads a line of a seed and a size, and prints an input; without it "
        "inputs have the shape of the samples.",
    ),
]
Save = Annotated[
    Path | None,
    typer.Option("--save", help=f"Where it is kept; by default beside PROBLEM as NAME{KEPT}."),
]
Size = Annotated[int, typer.Option("--size", min=1, max=1000, help="Of what an input counts.")]


def stress(
    program: Program,
    brute: Brute,
    problem: Annotated[
        Path,
        typer.Argument(
            metavar="PROBLEM",
            help="Statement (Markdown, text), problem.json, Companion, CPH, oj or Kattis.",
        ),
    ],
    generator: Generator = None,
    tries: Annotated[int, typer.Option("--tries", min=1, help="Inputs at most.")] = 500,
    size: Size = 8,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Of search at most.")] = 60.0,
    seed: Annotated[int, typer.Option("--seed", help="The same seed draws the same.")] = 0,
    save: Save = None,
    config: options.Files = None,
    overrides: options.Overrides = None,
    json: options.Json = False,
) -> None:
    """Look for a small input on which a program does not answer as a brute force does.

    What is found is made as small as it goes and kept as one more sample of the problem, which
    `mapcoder debug` and `judge` read. No model is asked.

    Exit code 0 = none found, which proves nothing, 1 = found, 6 = an input is not understood.

    Example: mapcoder stress mine.py brute.py problem.md
    """
    from mapcoder_lite.cli import engines
    from mapcoder_lite.data.load import load_problem
    from mapcoder_lite.errors import InputError
    from mapcoder_lite.practice.stress import Effort, search

    settings = options.resolve(config, overrides)
    wanted = load_problem(problem)
    if wanted.io.kind != "stdio":
        raise InputError("only programs that read standard input can be stress-tested")
    own, slow = _program(program), _program(brute)
    maker = _program(generator) if generator is not None else None
    place = save or _place(problem)
    kept = _kept(place, wanted)
    effort = Effort(tries, size, seconds, seed)
    with (
        engines.opened_judge(settings) as judge,
        terminal.waiting("looking for a counterexample"),
    ):
        found = search(judge, wanted, own, slow, maker, effort)
    _say_unanswered(found, brute)
    if found.counterexample is None:
        _say_none(found, effort)
    else:
        _keep(place, kept, found.counterexample)
        _say_found(found, found.counterexample, place, program)
    if json:
        place_found = str(place) if found.counterexample else None
        terminal.result(jsons.dumps(asdict(found) | _as_json(found) | {"saved": place_found}))
    elif found.counterexample is not None:
        terminal.result(found.counterexample.test.input.rstrip("\n"))
    sys.exit(0 if found.counterexample is None else 1)


def _program(path: Path) -> "ProgramFile":
    from mapcoder_lite.cli.programs import read_program
    from mapcoder_lite.practice.stress import ProgramFile

    row = read_program(path)
    return ProgramFile(path.name, row.program, row.language)


def _place(problem: Path) -> Path:
    if problem.name.endswith(KEPT):
        return problem
    return problem.resolve().with_suffix(KEPT) if problem.is_file() else problem / f"problem{KEPT}"


def _kept(place: Path, problem: "Problem") -> "Problem":
    """Return the problem with the counterexamples that were kept before.

    Raises:
        InputError: something else is there.
    """
    from mapcoder_lite.data.load import load_problem
    from mapcoder_lite.errors import InputError

    if not place.exists():
        return problem
    kept = load_problem(place)
    if kept.id != problem.id:
        raise InputError(f"{place} holds another problem, {kept.id}: name another file with --save")
    return kept


def _keep(place: Path, problem: "Problem", found: "Counterexample") -> None:
    from mapcoder_lite.errors import InputError
    from mapcoder_lite.jsonl import write_text

    others = tuple(test for test in problem.public_tests if test.input != found.test.input)
    more = problem.model_copy(update={"public_tests": (*others, found.test)})
    try:
        write_text(place, more.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise InputError(
            f"cannot write {place}: {error.strerror}; the input is {found.test.input!r}"
        ) from error


def _say_unanswered(found: "Search", brute: Path) -> None:
    if found.num_unanswered:
        terminal.say(
            f"{brute.name} failed on {found.num_unanswered} of {found.num_tried} inputs, which say "
            f"nothing: {found.why_unanswered}",
            "yellow",
        )


def _say_none(found: "Search", effort: "Effort") -> None:
    terminal.say(
        f"no difference on {found.num_tried} inputs (seed {effort.seed}, sizes up to "
        f"{effort.max_size}); that proves nothing: another --seed, a larger --size, a --generator "
        "that knows the problem's limits"
    )


def _say_found(found: "Search", one: "Counterexample", place: Path, program: Path) -> None:
    terminal.say(
        f"{one.verdict.value} on an input of {len(one.test.input.split())} tokens (met with "
        f"{len(one.found.split())}, after {found.num_tried} inputs): {one.reason}",
        "red",
    )
    terminal.say(f"expected\n{_indented(one.test.outputs[0])}\ngot\n{_indented(one.got)}")
    if not found.is_shaped:
        terminal.say(
            "nothing but the brute force's consent shows that this input is one that the problem "
            "allows: look at it first",
            "yellow",
        )
    terminal.say(f"kept as a sample of {place}: mapcoder debug {program} {place}")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip("\n").split("\n"))


def _as_json(found: "Search") -> dict[str, object]:
    one = found.counterexample
    if one is None:
        return {}
    return {
        "counterexample": {
            "input": one.test.input,
            "expected": one.test.outputs[0],
            "got": one.got,
            "verdict": one.verdict.value,
            "reason": one.reason,
            "found": one.found,
        }
    }
