"""Graded runs of the pocket world's scripted student, made by the real pipeline and judge."""

from collections.abc import Sequence
from functools import cache
from itertools import islice
from pathlib import Path

from mapcoder_lite import pipeline, runner
from mapcoder_lite.config import Config
from mapcoder_lite.curation.bench import Bench, Graded, graded_run
from mapcoder_lite.engine.replay import StoredEngine
from mapcoder_lite.judge.selftest import SelftestReport, run_selftest
from mapcoder_lite.pocket.problems import Puzzle, puzzles
from mapcoder_lite.store import RunDirectory, RunHeader
from mapcoder_lite.trajectory import Engine
from mapcoder_lite.traversals.attempt import Dials
from mapcoder_lite.verdict import Judge
from mapcoder_lite.work import samples_of

DIALS = Dials(k=1, t=1)


@cache
def examined(judge: Judge) -> SelftestReport:
    report = run_selftest(judge, (DIALS.language,))
    assert report.is_trusted
    return report


def known_puzzles(number: int) -> list[Puzzle]:
    return list(islice(puzzles("train", 1), number))


def run_of(student: Engine, known: Sequence[Puzzle], judge: Judge, path: Path) -> Graded:
    """Run a student over puzzles and read the run as the bench does."""
    problems = [puzzle.problem for puzzle in known]
    hidden = {puzzle.problem.id: puzzle.hidden for puzzle in known}
    work = samples_of(problems, hidden)
    config = Config.model_validate({"run": {"problems": "p.jsonl", "hidden_tests": "h.jsonl"}})
    header = RunHeader(
        config=config,
        config_digest=config.digest,
        problems_digest=work.digest,
        engine_identity=student.identity,
        version="test",
    )
    with RunDirectory(path, header, work.facts()) as directory:
        report = examined(judge)
        directory.examined(judge.isolation, (DIALS.language,), len(report.rows), ())
        engine = StoredEngine(student, directory.calls)
        worker = runner.Worker(
            work, lambda p, sample: pipeline.solve(p, engine, judge, DIALS, sample=sample), judge
        )
        runner.run(work, runner.Threads(worker, 2), directory, isolation=judge.isolation)
    return graded_run(path, problems, hidden)


def bench_of(run: Graded, student: Engine, judge: Judge, folder: Path) -> Bench:
    return Bench(run, folder, student, judge, DIALS, examined(judge), num_threads=2)
