"""A real, examined, graded run of the scripted teacher over a few puzzles, its files beside it.

Knows: how a run directory is made without the command line.
Does not know: what the tests look for in it.
"""

from itertools import islice
from pathlib import Path

from mapcoder_lite import pipeline, runner
from mapcoder_lite.config import Config
from mapcoder_lite.jsonl import file_digest, read_record, write_lines, write_record
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.pocket.problems import Puzzle, puzzles
from mapcoder_lite.pocket.teacher import MistakeRates, TeacherEngine
from mapcoder_lite.problem import Language
from mapcoder_lite.settings import RunConfig
from mapcoder_lite.store import Manifest, RunDirectory, RunHeader
from mapcoder_lite.traversals.attempt import Dials
from mapcoder_lite.work import samples_of

RATES = MistakeRates(0.1, 0.1, 0.3, 0.3, 0.5, 0.2, 0.2)
"""Many mistakes, so that every kind of step is dropped somewhere."""


def known_puzzles(count: int, seed: int = 11) -> list[Puzzle]:
    return list(islice(puzzles("train", seed), count))


def teacher_run(
    path: Path, known: list[Puzzle], *, rates: MistakeRates = RATES, samples: int = 1
) -> Path:
    """Write runs/<path> and, beside it, the problems and hidden tests that its config names."""
    problems, hidden = path.parent / "problems.jsonl", path.parent / "hidden_tests.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_lines(problems, [puzzle.problem for puzzle in known])
    write_lines(hidden, [puzzle.hidden for puzzle in known])
    teacher = TeacherEngine(known, rates)
    work = samples_of(
        tuple(puzzle.problem for puzzle in known),
        {puzzle.problem.id: puzzle.hidden for puzzle in known},
        samples,
    )
    wanted = RunConfig(problems=str(problems), hidden_tests=str(hidden), samples=samples)
    config = Config(run=wanted)
    header = RunHeader(
        config=config,
        config_digest=config.digest,
        problems_digest=work.digest,
        engine_identity=teacher.identity,
        version="test",
    )
    dials = Dials(k=2, t=2)
    with SandboxJudge(2) as judge, RunDirectory(path, header, work.facts()) as directory:
        runner.examine(judge, Language.PYTHON, directory)
        worker = runner.Worker(
            work,
            lambda problem, sample: pipeline.solve(problem, teacher, judge, dials, sample=sample),
            judge,
        )
        runner.run(work, runner.Threads(worker, 2), directory, max_errors=1)
    return path


def resealed(run: Path) -> Path:
    """Have the manifest speak of the files as they are now, as if the run had written them so."""
    manifest = read_record(run / "manifest.json", Manifest)
    digests = {name: file_digest(run / name) for name in manifest.digests}
    header = read_record(run / "config.json", RunHeader)
    update = {"digests": digests, "header_digest": header.digest}
    write_record(run / "manifest.json", manifest.model_copy(update=update))
    return run
