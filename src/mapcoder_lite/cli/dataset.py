"""`mapcoder dataset`: runs into rows.

Knows: where data sets go, what is said of them.
Does not know: which steps earn a row, which rows are kept.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal

if TYPE_CHECKING:
    from mapcoder_lite.curation.examples import DatasetManifest


def dataset(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Graded run directories.")],
    name: Annotated[str, typer.Option("--name", help="Name of the data set.")],
    config: options.Files = None,
    overrides: options.Overrides = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of all data sets.")] = Path("datasets"),
    json: options.Json = False,
) -> None:
    """Make training rows of the trajectories whose program passed all hidden tests.

    -s dataset.keep=all takes all trajectories, to measure what that filter is worth.

    Example: mapcoder dataset runs/teacher runs/repaired --name first
    -s 'dataset.against=["data/xcodeeval/problems.jsonl"]'
    """
    from mapcoder_lite.curation.examples import write_dataset

    settings = options.resolve(config, overrides).dataset
    manifest = write_dataset(runs, out / name, settings)
    if json:
        terminal.result(manifest.model_dump_json(indent=2))
        return
    terminal.result("\n".join([*_lines(manifest), str(out / name)]))


def _lines(manifest: "DatasetManifest") -> list[str]:
    stages = {
        "trajectories": manifest.num_trajectories,
        "passed all hidden tests": manifest.num_passed,
        "their calls": manifest.num_steps,
        "that the programs rest on": manifest.num_kept,
        "without equal rows": manifest.num_distinct,
        "without near duplicates": manifest.num_unlike,
        "without overlap": manifest.num_clean,
        "within the cap": manifest.num_rows,
        "for validation": manifest.num_validation,
        "of failed attempts": manifest.num_failed,
    }
    lines = [f"{stage:28}{count:8}" for stage, count in stages.items()]
    lines += [f"{kind.value:28}{count:8}" for kind, count in manifest.num_rows_by_kind.items()]
    found = manifest.contamination
    if found is not None:
        lines.append(
            f"overlap with {sum(found.evaluation_sets.values())} evaluation problems: "
            f"{found.num_flagged_problems} of {found.num_problems} problems, "
            f"{found.num_flagged_replies} of {found.num_replies} replies (flagged.jsonl)"
        )
    return lines
