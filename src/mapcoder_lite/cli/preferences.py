"""`mapcoder preferences`: runs into pairs of replies and labelled replies.

Knows: where preferences go, what is said of them.
Does not know: which replies are good or bad, which rows are kept.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal

if TYPE_CHECKING:
    from mapcoder_lite.curation.preferences import PreferenceManifest


def preferences(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Graded run directories.")],
    name: Annotated[str, typer.Option("--name", help="Name of the data set.")],
    config: options.Files = None,
    overrides: options.Overrides = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of all data sets.")] = Path("datasets"),
    json: options.Json = False,
) -> None:
    """Make pairs (DPO) and labelled replies (KTO) of what came of each reply; nothing is sampled.

    Example: mapcoder preferences runs/student runs/repaired --name first
    """
    from mapcoder_lite.curation.preferences import write_preferences

    settings = options.resolve(config, overrides).dataset
    folder = out / name / "preferences"
    manifest = write_preferences(runs, folder, settings)
    if json:
        terminal.result(manifest.model_dump_json(indent=2))
        return
    terminal.result("\n".join(_stages(manifest)))
    columns = ("role", "pairs", "good", "bad", "tokens good", "tokens bad")
    terminal.table(columns, _rows(manifest))
    terminal.result(str(folder))


def _stages(manifest: "PreferenceManifest") -> list[str]:
    stages = {
        "trajectories": manifest.num_trajectories,
        "passed all hidden tests": manifest.num_passed,
        **{f"replies: {ground.value}": n for ground, n in manifest.num_outcomes.items()},
        "different replies": manifest.num_distinct,
        "without near duplicates": manifest.num_unlike,
        "without overlap": manifest.num_clean,
        "labelled, within the cap": manifest.num_labels,
        "pairs, within the cap": manifest.num_pairs,
        "of them corrected by a supervisor": manifest.num_guided,
        "of them of two models": manifest.num_mixed,
    }
    return [f"{stage:78}{count:8}" for stage, count in stages.items()]


def _rows(manifest: "PreferenceManifest") -> list[tuple[str, ...]]:
    return [
        (
            role.value,
            str(count.num_pairs),
            str(count.num_good),
            str(count.num_bad),
            str(count.median_good),
            str(count.median_bad),
        )
        for role, count in manifest.roles.items()
    ]
