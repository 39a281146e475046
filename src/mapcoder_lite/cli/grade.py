"""`mapcoder grade`: the programs of a stored run judged again, without a model.

Knows: where a run says that its problems and tests are, how changes are shown.
Does not know: how programs are judged, how grades are replaced.
"""

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal

if TYPE_CHECKING:
    from mapcoder_lite.config import Config
    from mapcoder_lite.problem import Problem
    from mapcoder_lite.regrade import Regrade, Regrading
    from mapcoder_lite.runner import Progress
    from mapcoder_lite.settings import JudgeConfig
    from mapcoder_lite.store import RunHeader
    from mapcoder_lite.trajectory import Trajectory
    from mapcoder_lite.work import Work


def grade(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory, complete or not.")],
    overrides: options.Overrides = None,
    json: options.Json = False,
) -> None:
    """Judge a run's programs again on its hidden tests, and list the verdicts that changed.

    Settings are the run's own; -s takes those of the judge. The old grades are replaced only when
    all new ones are there. Exit code 0 = done, 5 = the judge failed its self-test, 6 = the problems
    or hidden tests are gone or changed, 9 = programs are owed (the same command goes on), 130 =
    interrupted.

    Example: mapcoder grade runs/teacher -s judge.tier=landlock
    """
    from mapcoder_lite import regrade
    from mapcoder_lite.jsonl import read_record
    from mapcoder_lite.store import RunHeader

    header = read_record(run / "config.json", RunHeader)
    judge = judge_settings(header.config.judge, overrides or [])
    work = work_of(header, run)
    settings = header.config.model_copy(update={"judge": judge})
    try:
        with regrade.opened(run, judge) as sitting:
            num_owed = 0 if sitting.is_decided else carry_out(sitting, work, settings)
            done = None if num_owed else sitting.conclude()
    except KeyboardInterrupt:
        terminal.say(f"interrupted; the old grades of {run} stand: the same command goes on")
        sys.exit(130)
    if done is None:
        terminal.say(
            f"{num_owed} programs are owed (see {run / 'log.txt'}): the old grades stand until the "
            "same command has judged them all",
            "yellow",
        )
        sys.exit(9)
    _show_changes(done, json)


def judge_settings(before: "JudgeConfig", overrides: list[str]) -> "JudgeConfig":
    """Return the judge's settings of a run, changed by these.

    Raises:
        ConfigError: one of them is not of the judge.
    """
    from mapcoder_lite.errors import ConfigError

    chosen = options.resolve(None, overrides).judge
    keys = [text.partition("=")[0].strip() for text in overrides]
    strange = [key for key in keys if not key.startswith("judge.")]
    if strange:
        raise ConfigError(
            f"-s {strange[0]} is not of the judge: a run is judged again with its other settings "
            "as they were"
        )
    names = [key.removeprefix("judge.").strip() for key in keys]
    return before.model_copy(update={name: getattr(chosen, name) for name in names})


def work_of(header: "RunHeader", run: Path) -> "Work":
    """The problems and hidden tests that the run worked on, and none that changed since.

    Raises:
        InputError: they are gone, changed, or there were none.
    """
    from mapcoder_lite.data.problem_json import read_hidden_tests, read_problems
    from mapcoder_lite.errors import InputError
    from mapcoder_lite.jsonl import read_lines
    from mapcoder_lite.run_problem import RunProblem
    from mapcoder_lite.work import samples_of

    files = header.config.run
    if files.problems is None or files.hidden_tests is None:
        raise InputError(f"{run} was not graded: its settings name no hidden tests")
    found = {problem.id: problem for problem in read_problems(Path(files.problems))}
    hidden = read_hidden_tests(Path(files.hidden_tests))
    ids = [problem.problem_id for problem in read_lines(run / "problems.jsonl", RunProblem)]
    missing = [id for id in ids if id not in found or id not in hidden]
    work = None
    if not missing:
        work = samples_of([found[id] for id in ids], {id: hidden[id] for id in ids})
    if work is None or work.digest != header.problems_digest:
        what = f"lack {missing[0]}" if missing else "have changed since"
        raise InputError(
            f"{files.problems} and {files.hidden_tests}, which {run} worked on, {what}: bring back "
            "the files as they were, or run the problems of today under another --name"
        )
    return work


def carry_out(sitting: "Regrade", work: "Work", settings: "Config") -> int:
    """Judge what is owed; return how many programs still are."""
    from mapcoder_lite import runner
    from mapcoder_lite.cli import engines
    from mapcoder_lite.judge.pool import num_cores

    with engines.opened_judge(settings) as judge:
        num_right = sitting.examine(judge)
        terminal.say(f"judge     isolation {judge.isolation.tier}, self-test {num_right} right")
        tasks = sitting.owed()
        worker = runner.Worker(work, _never, judge)
        executor = runner.Threads(worker, settings.judge.workers or num_cores())
        sitting.run(tasks, executor, settings.run.max_errors, _show)
    return len(sitting.owed())


def _never(problem: "Problem", sample: int) -> "Trajectory":
    raise AssertionError(f"{problem.id} sample {sample} was solved before")


def _show(progress: "Progress") -> None:
    unit, fault = progress.result.unit, progress.result.fault
    if fault is not None:
        line = f"{unit.problem_id} sample {unit.sample}: ERROR, owed again: {fault}"
        terminal.say(terminal.one_line(line))
    elif progress.num_ended % 100 == 0 or progress.num_ended == progress.num_owed:
        terminal.say(f"[{progress.num_ended}/{progress.num_owed}] judged")


def _show_changes(done: "Regrading", json: bool) -> None:
    if json:
        terminal.result(done.model_dump_json(indent=2))
        return
    counts = Counter((change.old, change.new) for change in done.changes)
    lines = [f"{done.num_graded} programs judged again, {len(done.changes)} verdicts changed"]
    lines += [f"  {old} -> {new}: {count}" for (old, new), count in counts.most_common()]
    terminal.result("\n".join(lines))
    if done.changes:
        rows = [(c.problem_id, str(c.sample), c.old, c.new) for c in done.changes]
        terminal.table(("problem", "sample", "old", "new"), rows)
