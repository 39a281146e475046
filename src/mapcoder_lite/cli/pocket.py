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
    from mapcoder_lite.pocket.culprits import Case, Naming
    from mapcoder_lite.pocket.sides import SideCount
    from mapcoder_lite.pocket.truth import Tally, Truth
    from mapcoder_lite.statistics import Rate

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


@app.command()
def sides(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Runs behind the rows.")],
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the data set.")],
    config: options.Files = None,
    overrides: options.Overrides = None,
    json: options.Json = False,
) -> None:
    """Count the preferences that stand on the wrong side by ground truth.

    Example: mapcoder pocket sides runs/student runs/repaired datasets/first
    """
    from json import dumps

    counts = _sides(options.resolve(config, overrides), runs, dataset / "preferences")
    if json:
        terminal.result(dumps([count.model_dump(mode="json") for count in counts], indent=2))
        return
    columns = ("form", "kind", "ground", "count", "wrong side", "equal", "not known")
    terminal.table(
        columns,
        [
            (
                count.form,
                count.kind.value,
                count.ground,
                str(count.num_rows),
                f"{count.num_swapped} {_percent(count.num_swapped, count.num_rows)}",
                f"{count.num_equal} {_percent(count.num_equal, count.num_rows)}",
                str(count.num_unknown),
            )
            for count in counts
        ],
    )


@app.command()
def culprits(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run after `mapcoder attribute`.")],
    name: Annotated[
        str, typer.Option("--name", help="Of the attribution's folder inside the run.")
    ] = "attribution",
    json: options.Json = False,
) -> None:
    """Set the roles that an attribution names against those that made the first wrong reply.

    Example: mapcoder pocket culprits runs/stubborn
    """
    from mapcoder_lite.pocket.culprits import culprit_table

    cases, num_unknown = _cases(run, run / name / "attributions.jsonl")
    table = culprit_table(run.resolve().name, cases, num_unknown)
    if json:
        terminal.result(table.model_dump_json(indent=2))
        return
    roles = ", ".join(f"{role} {number}" for role, number in table.culprits.items())
    terminal.result(f"{table.num_failures} failures; the first wrong reply is of: {roles}")
    if table.num_unknown:
        terminal.result(f"left out: {table.num_unknown} of which no reply is known to be wrong")
    columns = ("named by", "hits", "share", "95 % interval", "nobody named")
    terminal.table(columns, [_naming(naming) for naming in table.namings])
    hits = table.set_hit
    terminal.result(
        f"the culprit is in a minimal repair set: {hits.num_passed} of {hits.num_total}, "
        f"{_interval(hits)}; a role drawn at random {100 * table.set_hit_at_random:.1f} %"
    )
    columns = ("first", "second", "only first", "only second", "p", "p, Holm")
    terminal.table(
        columns,
        [
            (
                *(t.first, t.second, str(t.num_only_first), str(t.num_only_second)),
                *(f"{t.p:.3g}", f"{t.p_holm:.3g}"),
            )
            for t in table.tests
        ],
    )
    terminal.result("p: sign-flip test by problem, exact")


def _cases(run: Path, attributions: Path) -> "tuple[list[Case], int]":
    """The attributed failures whose culprit is known, and how many there are besides."""
    from itertools import chain

    from mapcoder_lite.attribution import Attribution
    from mapcoder_lite.errors import InputError
    from mapcoder_lite.jsonl import read_lines
    from mapcoder_lite.pocket.culprits import case
    from mapcoder_lite.pocket.truth import known_puzzles
    from mapcoder_lite.pocket.world import SIZES, problem_set
    from mapcoder_lite.trajectory import Trajectory

    found = {(a.problem_id, a.sample): a for a in read_lines(attributions, Attribution)}
    if not found:
        raise InputError(f"{attributions} holds no attribution: `mapcoder attribute {run}` first")
    sets = chain.from_iterable(problem_set(split) for split in SIZES)
    puzzles = known_puzzles({id for id, _ in found}, sets)
    told = [
        case(found[t.problem_id, t.sample], t, puzzles[t.problem_id])
        for t in read_lines(run / "trajectories.jsonl", Trajectory)
        if (t.problem_id, t.sample) in found
    ]
    known = [one for one in told if one is not None]
    return known, len(told) - len(known)


def _naming(naming: "Naming") -> tuple[str, ...]:
    hits, share = naming.hit, f"{100 * (naming.hit.share or 0):.1f} %"
    return naming.name, str(hits.num_passed), share, _interval(hits), str(naming.num_nobody)


def _interval(rate: "Rate") -> str:
    return f"{100 * (rate.low or 0):.1f} .. {100 * (rate.high or 1):.1f} %"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def _sides(settings: "Config", paths: list[Path], folder: Path) -> "tuple[SideCount, ...]":
    from itertools import chain

    from mapcoder_lite.cli import engines
    from mapcoder_lite.curation.evidence import open_runs, problems_of
    from mapcoder_lite.curation.preferences import open_preferences
    from mapcoder_lite.pocket.sides import counted
    from mapcoder_lite.pocket.truth import by_judge, known_puzzles, truths
    from mapcoder_lite.pocket.world import SIZES, problem_set

    runs = open_runs(paths)
    pairs, labels = open_preferences(folder, {run.name: run.trajectories_digest for run in runs})
    origins = [o for pair in pairs for o in (pair.chosen_from, pair.rejected_from)]
    attempts = {o.place[:3] for o in (*origins, *(row.provenance for row in labels))}
    sets = chain.from_iterable(problem_set(split) for split in SIZES)
    puzzles = known_puzzles(problems_of(runs), sets)
    known: dict[tuple[str, str, int, int], Truth] = {}
    with engines.opened_judge(settings) as judge, terminal.waiting("programs are being judged"):
        passes = by_judge(judge)
        for run in runs:
            for trajectory in run.trajectories():
                attempt = run.name, trajectory.problem_id, trajectory.sample
                if attempt in attempts:
                    found = truths(trajectory, puzzles[trajectory.problem_id], passes)
                    known |= {(*attempt, step.position): step.truth for step in found}
    return counted(pairs, labels, known)


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
