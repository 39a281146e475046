"""`mapcoder dataset`: planted copies of evaluation problems leave, at the default thresholds."""

import json
from pathlib import Path

import pytest

from mapcoder_lite.curation.examples import DatasetManifest
from mapcoder_lite.curation.flagged import Flagged
from mapcoder_lite.example import Example
from mapcoder_lite.jsonl import read_lines, write_lines
from mapcoder_lite.pocket.problems import Puzzle
from mapcoder_lite.problem import Problem
from mapcoder_lite.trajectory import Role
from pocket_run import known_puzzles, teacher_run
from test_cli_main import Done, mapcoder

TALE = (
    "a gardener waters seven rows of tulips before noon while her neighbour counts every bee that "
    "lands on a leaf and writes the tally into a small green notebook under the old oak tree"
)
STORY = TALE.split()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over 24 problems, and an evaluation set with copies of the four longest statements."""
    folder = tmp_path_factory.mktemp("world")
    teacher_run(folder / "runs" / "teacher", known_puzzles(24))
    write_lines(folder / "evaluation.jsonl", planted())
    return folder


@pytest.fixture(scope="module")
def done(world: Path) -> Done:
    return dataset(world, "clean")


def dataset(world: Path, name: str, *words: str) -> Done:
    against = ["-s", "dataset.against=['evaluation.jsonl']"]
    return mapcoder(world, "dataset", "runs/teacher", "--name", name, *against, *words)


def originals() -> list[Puzzle]:
    known = known_puzzles(24)
    by_family = {puzzle.family.algorithm: puzzle for puzzle in known}.values()
    return sorted(by_family, key=lambda puzzle: -len(puzzle.problem.statement.split()))[:4]


def planted() -> list[Problem]:
    """Copied as it is but for case and markup, reworded, half copied, and written anew."""
    exact, reworded, half, anew = (p.problem.statement.split() for p in originals())
    texts = {
        "exact": ["**" + " ".join(exact).upper() + "** !"],
        "reworded": [STORY[i % 30] if i % 12 == 11 else word for i, word in enumerate(reworded)],
        "half": [*half[: len(half) // 2], *STORY[: len(half) // 2]],
        "anew": [STORY[i % 30] if i % 4 == 3 else word for i, word in enumerate(anew)],
    }
    return [Problem(id=name, statement=" ".join(words)) for name, words in texts.items()]


def test_exact_reworded_and_half_copied_problems_leave_with_their_rows(world: Path, done: Done):
    assert done.code == 0, done.stderr
    folder = world / "datasets" / "clean"
    flagged = list(read_lines(folder / "flagged.jsonl", Flagged))
    found = {f.problem_id: f for f in flagged if f.reply is None}
    matches = {f.match.problem_id: (f.by, f.match.score) for f in found.values() if f.match}
    assert set(matches) == {"exact", "reworded", "half"}
    assert matches["exact"] == ("containment", 1.0)
    for name in ("reworded", "half"):
        by, score = matches[name]
        assert by == "containment"
        assert 0.2 <= score < 0.8
    exact, reworded, half, anew = (puzzle.problem.id for puzzle in originals())
    assert set(found) == {exact, reworded, half}
    left = {
        row.provenance.problem_id
        for role in Role
        for part in ("", "validation/")
        for row in read_lines(folder / f"{part}{role}.jsonl", Example)
    }
    assert not left & set(found)
    assert anew in left, "one word in four changed is no copy by these measures"
    manifest = DatasetManifest.model_validate(json.loads((folder / "manifest.json").read_text()))
    assert manifest.num_problems == len(left)
    assert manifest.num_clean < manifest.num_unlike


def test_the_threshold_curve_is_shown(world: Path, done: Done):
    lines = done.stdout.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("what would be flagged"))
    assert "dataset.max_containment=0.2, dataset.max_similarity=0.7" in lines[start]
    rows = {row.split()[0]: row.split()[1:] for row in lines[start + 2 : start + 12]}
    assert list(rows) == ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1"]
    assert rows["0.2"][0] == "3"
    assert rows["1"][0] == "1", "the exact copy"
    assert dataset(world, "quiet", "--json").stdout.startswith("{")


def test_without_an_evaluation_set_there_is_no_curve(world: Path):
    shown = mapcoder(world, "dataset", "runs/teacher", "--name", "plain").stdout
    assert "threshold" not in shown
    assert "that speak of no feedback" in shown
