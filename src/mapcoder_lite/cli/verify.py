"""`mapcoder verify`: a saved report computed again from its run's records.

Knows: what is checked, what a mismatch ends in.
Does not know: how numbers are made, how programs are judged.
"""

import sys
from json import dumps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import grade, options, terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapcoder_lite.evaluation.verification import Differing, Verification
    from mapcoder_lite.regrade import Regrading
    from mapcoder_lite.store import RunHeader


def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run with a saved report.")],
    rejudge: Annotated[
        bool, typer.Option("--rejudge", help="Judge every program again; nothing is replaced.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Compute a saved report again from the run's records, and say whether all agrees.

    Every number of metrics.json is compared, and of attribution.json where there is one; every call
    of a trajectory is looked up in calls.jsonl, every trial and grade held against its program,
    files against their digests, problems and tests against the run's digest of them. Exit code 1 =
    something differs; 6 = there is no saved report, or a file is damaged; 9 = nothing differs, but
    the run is not sealed: it has no manifest.json, whose digests tell a file that was changed.

    Example: mapcoder verify runs/tuned --rejudge
    """
    from mapcoder_lite.agents import parse
    from mapcoder_lite.curation import counterfactual
    from mapcoder_lite.evaluation.verification import verify as verified
    from mapcoder_lite.jsonl import read_record
    from mapcoder_lite.store import RunHeader

    header = read_record(run / "config.json", RunHeader)
    found = verified(run, parse.confidence, counterfactual.attributions)
    is_changed, problems = _problems(header, run)
    regrading = _rejudged(run, header) if rejudge else None
    if json:
        terminal.result(
            dumps(
                {
                    "verification": found.model_dump(mode="json"),
                    "problems": problems,
                    "rejudged": regrading.model_dump(mode="json") if regrading else None,
                },
                indent=2,
            )
        )
    else:
        lines = [*_lines(found), problems, *_changes(regrading)]
        terminal.result("\n".join(map(terminal.one_line, lines)))
    is_sound = found.is_sound and not is_changed and not (regrading and regrading.changes)
    if not is_sound:
        sys.exit(1)
    if not found.is_sealed:
        sys.exit(9)


def _problems(header: "RunHeader", run: Path) -> tuple[bool, str]:
    """Tell whether problems or hidden tests are other ones than the run worked on, and say it."""
    from mapcoder_lite.errors import InputError

    files = header.config.run
    if not all(
        name is not None and Path(name).exists() for name in (files.problems, files.hidden_tests)
    ):
        return False, "problems and tests: not all at hand, so they are not checked"
    try:
        grade.work_of(header, run)
    except InputError as error:
        return True, f"problems and tests: {error}"
    return False, "problems and tests: those that the run worked on, to the byte"


def _rejudged(run: Path, header: "RunHeader") -> "Regrading":
    """Judge every program again, beside the run; its own grades stay.

    Raises:
        InputError: the problems or hidden tests are gone or changed.
        SandboxError: the judge failed its self-test, or could not judge a program.
    """
    from mapcoder_lite.errors import SandboxError
    from mapcoder_lite.regrade import Regrade

    work = grade.work_of(header, run)
    with TemporaryDirectory(prefix="mapcoder-verify-") as folder:
        regrade = Regrade(run, Path(folder) / "regrade")
        regrade.begin(header.config.judge)
        if num_owed := grade.carry_out(regrade, work, header.config):
            raise SandboxError(
                f"{num_owed} programs could not be judged (see {run / 'log.txt'}): nothing is known"
            )
        return regrade.decision()


def _lines(found: "Verification") -> list[str]:
    lines = [
        f"run {found.run}: {found.num_values} values of the saved report computed again, "
        f"{len(found.differing)} differ",
        *_told(found.differing),
        *_attribution(found),
        f"records: {found.num_calls} calls held against calls.jsonl, {found.num_trials} trials and "
        f"{found.num_grades} grades against their programs: "
        f"{len(found.faults) + found.num_further_faults} faults",
        *(f"  {fault}" for fault in found.faults),
    ]
    if found.num_further_faults:
        lines.append(f"  and {found.num_further_faults} more")
    if not found.is_sealed:
        lines.append(
            "not sealed: without manifest.json nothing tells a record that was changed whole; a "
            "complete run gets it from the `mapcoder run` command that made it"
        )
    if found.num_replayed:
        lines.append(
            f"{found.num_replayed} calls were answered by the run that is repaired: not checked"
        )
    if found.num_unnamed:
        lines.append(
            f"{found.num_unnamed} grades do not name the program that they judge: they are older "
            "than that; --rejudge judges it again"
        )
    return lines


def _told(differing: "Sequence[Differing]") -> list[str]:
    return [f"  {d.key}: saved {d.saved}, computed {d.computed}" for d in differing]


def _attribution(found: "Verification") -> list[str]:
    if found.attribution is None:
        return []
    counted = found.attribution
    return [
        f"attribution: {counted.num_values} values counted again from the replays' grades, "
        f"{len(counted.differing)} differ",
        *_told(counted.differing),
    ]


def _changes(regrading: "Regrading | None") -> list[str]:
    if regrading is None:
        return []
    changes = regrading.changes
    return [
        f"{regrading.num_graded} programs judged again, {len(changes)} verdicts differ",
        *(f"  {c.problem_id} sample {c.sample}: saved {c.old}, now {c.new}" for c in changes),
    ]
