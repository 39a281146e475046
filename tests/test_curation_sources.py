"""A data set says whose problems its rows show, and when it cannot know."""

from pathlib import Path

import pytest

from mapcoder_lite.curation.examples import write_dataset
from mapcoder_lite.curation.sources import UNKNOWN, SourceCount, sources_of
from mapcoder_lite.problem import Problem, Source
from mapcoder_lite.settings import DatasetConfig
from mapcoder_lite.trajectory import Role
from pocket_run import known_puzzles, teacher_run
from training_world import example


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return teacher_run(tmp_path_factory.mktemp("runs") / "teacher", known_puzzles(8))


def test_the_manifest_counts_problems_and_rows_of_each_source(run, tmp_path):
    made = write_dataset([run], tmp_path / "rows", DatasetConfig())
    assert made.sources == (
        SourceCount(
            name="pocket",
            licence="Apache-2.0",
            num_problems=made.num_problems,
            num_rows=made.num_rows,
        ),
    )


def test_problems_whose_file_is_gone_are_of_no_known_source(run, tmp_path):
    file = run.parent / "problems.jsonl"
    kept = file.read_bytes()
    file.unlink()
    try:
        made = write_dataset([run], tmp_path / "rows", DatasetConfig())
    finally:
        file.write_bytes(kept)
    assert made.sources is not None
    assert [(source.name, source.licence) for source in made.sources] == [(UNKNOWN, None)]


def problem(name: str, source: Source) -> Problem:
    return Problem(id=name, title="", statement="Add.", source=source)


def test_one_source_under_two_licences_is_two(tmp_path):
    rows = [example(number, role=Role.CODING) for number in (1, 2, 2, 3)]
    ids = [row.provenance.problem_id for row in rows]
    mine, yours = (Source(name="kattis", licence=licence) for licence in ("cc0", None))
    known = {ids[0]: problem(ids[0], mine), ids[1]: problem(ids[1], yours)}
    assert sources_of(rows, known) == (
        SourceCount(name="kattis", licence=None, num_problems=1, num_rows=2),
        SourceCount(name="kattis", licence="cc0", num_problems=1, num_rows=1),
        SourceCount(name=UNKNOWN, licence=None, num_problems=1, num_rows=1),
    )
