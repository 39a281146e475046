"""`mapcoder pocket`: the miniature world's problem sets and backbone, made anew, and its truth.

Knows: where they are written, which rows come from which trajectory.
Does not know: how problems are made, how a backbone is trained, what makes a step wrong.
"""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import ladder, options, terminal

if TYPE_CHECKING:
    from mapcoder_lite.config import Config
    from mapcoder_lite.pocket.truth import Tally

app = typer.Typer(
    help="The pocket world: problem sets, backbone, ground truth.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
for _verb in (ladder.ladder, ladder.noise, ladder.forgetting):
    app.command()(_verb)


class Set(StrEnum):
    """The problem sets."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@app.command()
def problems(
    which: Annotated[Set, typer.Argument(metavar="SET", help="train, validation or test.")],
    out: Annotated[Path, typer.Option("--out", help="Folder that gets pocket-SET/.")] = Path(
        "data"
    ),
) -> None:
    """Write a problem set: problems.jsonl and hidden_tests.jsonl.

    Example: mapcoder pocket problems test
    """
    from mapcoder_lite.pocket.world import write_problem_set

    folder = out / f"pocket-{which.value}"
    terminal.say(f"{write_problem_set(which.value, folder)} problems")
    terminal.result(f"{folder / 'problems.jsonl'}\n{folder / 'hidden_tests.jsonl'}")


@app.command()
def backbone(
    out: Annotated[Path, typer.Argument(help="Folder of the backbone and its checkpoints.")],
    recipe: Annotated[
        str, typer.Option("--recipe", help="pocket, llama (another architecture) or large.")
    ] = "pocket",
    tokens: Annotated[
        int | None, typer.Option("--tokens", help="Length of the training; default the recipe's.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", help="Processes that train, or with a GPU that pack rows."),
    ] = None,
) -> None:
    """Train a backbone from scratch; the same command goes on from the last checkpoint.

    Example: mapcoder pocket backbone runs/pocket-backbone
    """
    import logging
    from dataclasses import replace

    from mapcoder_lite.errors import ConfigError
    from mapcoder_lite.pocket.backbone import RECIPES, train

    if recipe not in RECIPES:
        raise ConfigError(f"no such recipe: {recipe}; there are {', '.join(RECIPES)}")
    chosen = RECIPES[recipe]
    chosen = replace(
        chosen,
        num_tokens=tokens or chosen.num_tokens,
        num_workers=workers or chosen.num_workers,
    )
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    terminal.say(f"{chosen}; progress in {out / 'log.jsonl'}")
    train(chosen, out)
    terminal.result(str(out))


@app.command()
def pack(
    backbone: Annotated[Path, typer.Argument(help="Folder of the trained backbone.")],
    adapters: Annotated[Path, typer.Argument(help="Folder of the four adapters.")],
) -> None:
    """Put backbone and adapters into the package, where `solve` and `demo` find them.

    Example: mapcoder pocket pack runs/pocket-backbone adapters/pocket
    """
    from mapcoder_lite.pocket.world import WEIGHTS, pack_weights

    num_bytes = pack_weights(backbone, adapters)
    terminal.say(f"{num_bytes / 1e6:.1f} MB")
    terminal.result(str(WEIGHTS))


@app.command()
def truth(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Runs behind the rows.")],
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the data set.")],
    config: options.Files = None,
    overrides: options.Overrides = None,
    json: options.Json = False,
) -> None:
    """Count the steps that are wrong by ground truth although their final program passed.

    Example: mapcoder pocket truth runs/teacher datasets/first
    """
    from json import dumps

    steps, rows = _truths(options.resolve(config, overrides), runs, dataset)
    if json:
        dumped = {
            "passing trajectories": [tally.model_dump(mode="json") for tally in steps],
            "rows": [tally.model_dump(mode="json") for tally in rows],
        }
        terminal.result(dumps(dumped, indent=2))
        return
    columns = ("kind", "count", "known wrong", "share", "harmless", "not known")
    for title, tallies in (("Calls of passing trajectories", steps), ("Rows", rows)):
        terminal.result(title)
        terminal.table(columns, [_told(tally) for tally in tallies])
        terminal.result("")
    terminal.result(
        "harmless: another plan than the generator's, whose program passes all hidden tests "
        "all the same; not known: worded as the generator words nothing"
    )


def _truths(
    settings: "Config", paths: list[Path], dataset: Path
) -> "tuple[tuple[Tally, ...], tuple[Tally, ...]]":
    """Count the readable calls of trajectories that passed, and the rows."""
    from collections import defaultdict
    from itertools import chain

    from mapcoder_lite.cli import engines
    from mapcoder_lite.curation.evidence import open_dataset, open_runs, problems_of
    from mapcoder_lite.pocket.truth import Tallies, by_judge, known_puzzles, truths
    from mapcoder_lite.pocket.world import SIZES, problem_set
    from mapcoder_lite.store import Unit

    runs = open_runs(paths)
    taught: defaultdict[tuple[str, Unit], set[int]] = defaultdict(set)
    for row in open_dataset(dataset, runs).rows:
        taught[row.attempt].add(row.provenance.call_index)
    sets = chain.from_iterable(problem_set(split) for split in SIZES)
    puzzles = known_puzzles(problems_of(runs), sets)
    of_steps, of_rows = Tallies(), Tallies()
    with engines.opened_judge(settings) as judge, terminal.waiting("programs are being judged"):
        passes = by_judge(judge)
        for run in runs:
            for trajectory in run.trajectories():
                unit = Unit(trajectory.problem_id, trajectory.sample)
                has_passed = run.passed.get(unit, False)
                if not has_passed and (run.name, unit) not in taught:
                    continue
                found = truths(trajectory, puzzles[unit.problem_id], passes)
                of_steps.add(found if has_passed else ())
                of_rows.add([step for step in found if step.position in taught[run.name, unit]])
    return of_steps.rows(), of_rows.rows()


def _told(tally: "Tally") -> tuple[str, ...]:
    share = "-" if tally.share_wrong is None else f"{100 * tally.share_wrong:.1f} %"
    counts = (tally.num_harmless, tally.num_unknown)
    return (
        tally.kind.value,
        str(tally.num_steps),
        str(tally.num_wrong),
        share,
        *map(str, counts),
    )
