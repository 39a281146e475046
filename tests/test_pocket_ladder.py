"""The ladder's rungs and commands, and its verbs on tiny real runs and the packaged backbone."""

import json
import re
import shlex
from contextlib import chdir
from itertools import pairwise
from pathlib import Path

import pytest

from mapcoder_lite import config
from mapcoder_lite.evaluation.ladder import Ladder
from mapcoder_lite.evaluation.readability import Readability
from mapcoder_lite.jsonl import read_record, write_lines
from mapcoder_lite.pocket.ladder import (
    BACKBONE,
    LLAMA,
    NOISY,
    RUNGS,
    TRAININGS,
    commands,
    num_parameters,
)
from mapcoder_lite.settings import EngineKind
from mapcoder_lite.trajectory import Role
from pocket_run import RATES, known_puzzles, teacher_run
from source_tree import ROOT
from test_cli_main import mapcoder


def lines(cwd: Path, **limits: int) -> list[list[str]]:
    """The commands as words; in a folder with every backbone none is left out."""
    with chdir(cwd):
        printed = list(commands(Path("runs/ladder"), **{"limit": 400, **limits}))
    return [shlex.split(line) for line in printed]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every backbone is there."""
    home = tmp_path_factory.mktemp("everything")
    for rung in RUNGS:
        (home / rung.backbone).mkdir(parents=True, exist_ok=True)
    return home


def resolved(words: list[str]) -> config.Config:
    pairs = list(pairwise(words))
    files = [ROOT / value for flag, value in pairs if flag == "-c"]
    return config.load(files, [value for flag, value in pairs if flag == "-s"])


def named(words: list[str]) -> str:
    return words[words.index("--name") + 1]


def test_every_training_lasts_as_long_as_is_asked(everything: Path):
    with chdir(everything):
        printed = [shlex.split(one) for one in commands(Path("runs/ladder"), 400, epochs=0.25)]
    trained = [resolved(words).train.epochs for words in printed if words[1] == "train"]
    assert trained == [0.25] * len(TRAININGS)


def test_rungs_are_named_once_and_set_against_rungs():
    names = [rung.name for rung in RUNGS]
    assert len(set(names)) == len(names)
    assert {other for rung in RUNGS for other in rung.against} < set(names)
    assert [rung.name for rung in NOISY.values()] == ["untuned", "four"]
    one_by_one = [rung.roles for rung in RUNGS if rung.name in ("retrieval", "planning", "coding")]
    assert one_by_one == [tuple(Role)[:number] for number in (1, 2, 3)]
    assert {rung.training.name for rung in RUNGS if rung.training} == {t.name for t in TRAININGS}


def test_every_command_resolves_and_finds_what_earlier_ones_made(everything):
    made: set[str] = {"datasets/curation"}
    runs = []
    for words in lines(everything):
        settings = resolved(words)
        if words[1] == "dataset":
            made.add(f"datasets/{named(words)}")
        elif words[1] == "train":
            assert words[2] in made
            assert settings.train.backbone in {BACKBONE, LLAMA}
            assert settings.train.alpha == 2 * settings.train.rank
            made |= {f"adapters/{named(words)}/{role.value}" for role in Role}
        elif words[1] == "run":
            runs.append(named(words))
            engines = [settings.engine, *settings.roles.values()]
            adapters = settings.engine.adapters or {}
            assert isinstance(adapters, dict)
            assert set(adapters.values()) <= made
            assert all(engine.kind is EngineKind.LOCAL for engine in engines)
            assert {e.backbone for e in settings.roles.values()} <= made
    assert sorted(runs) == sorted(rung.name for rung in RUNGS)
    assert runs[:2] == ["untuned", "four"]


def test_the_ends_see_all_problems_and_the_others_a_part(everything):
    limits = {named(w): resolved(w).run.limit for w in lines(everything) if w[1] == "run"}
    assert limits.pop("untuned") is None
    assert limits.pop("four") is None
    assert set(limits.values()) == {400}
    short = [words for words in lines(everything, limit=3, whole=9) if words[1] == "run"]
    short = {named(words): resolved(words).run.limit for words in short}
    assert (short["four"], short["rank8"]) == (9, 3)


def test_rungs_differ_in_what_they_are_named_for_alone(everything):
    settings = {named(w): resolved(w) for w in lines(everything) if w[1] == "run"}
    changed = {
        name: {line.partition(":")[0] for line in config.differences(settings["rank8"], found)}
        for name, found in settings.items()
    }
    adapters = {f"engine.adapters.{role.value}" for role in Role}
    assert changed["rank64"] == adapters
    assert changed["four-held"] == {*adapters, "traversal.structured"}
    assert changed["llama"] == {*adapters, "engine.backbone"}


def test_a_backbone_that_is_not_there_is_left_out_aloud(tmp_path):
    (tmp_path / BACKBONE).mkdir(parents=True)
    printed = mapcoder(tmp_path, "pocket", "ladder", "runs/ladder", "--commands").stdout
    assert "# large is left out: runs/pocket-large is not there" in printed
    assert not re.search(r"^mapcoder .*pocket-(large|llama)", printed, re.MULTILINE)
    assert printed.rstrip().endswith("mapcoder pocket ladder runs/ladder")


def test_parameters_are_counted_from_the_files():
    with chdir(ROOT):
        untuned, four = (num_parameters(rung) for rung in NOISY.values())
    sizes = json.loads((ROOT / BACKBONE / "config.json").read_text())
    assert untuned is not None
    assert untuned > sizes["vocab_size"] * sizes["hidden_size"]
    assert four is None  # adapters that are not there are not counted as nothing


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("runs")
    known = known_puzzles(5)
    teacher_run(home / "untuned", known)
    teacher_run(home / "four", known, rates=RATES.times(0.1))
    return home


def test_the_verb_writes_the_ladder_and_names_what_is_missing(runs, tmp_path):
    done = mapcoder(tmp_path, "pocket", "ladder", str(runs), "--json")
    assert done.code == 0, done.stderr
    found = read_record(runs / "ladder.json", Ladder)
    assert [row.name for row in found.rungs] == ["untuned", "four"]
    unread = {rung.name for rung in RUNGS} - {"untuned", "four"}
    assert set(found.missing) == unread | {*NOISY, "forgetting"}
    assert "missing: rank8, not begun" in done.stderr
    page = (runs / "ladder.md").read_text()
    assert "| four | untuned | 5 |" in page
    assert "| rank8 | not begun |" in page
    assert (runs / "ladder-rates.svg").is_file()
    assert Ladder.model_validate_json(done.stdout) == found


def test_no_finished_rung_is_an_error(tmp_path):
    done = mapcoder(tmp_path, "pocket", "ladder", str(tmp_path))
    assert done.code == 6
    assert "no finished rung" in done.stderr


def test_noisy_statements_are_asked_about_once(tmp_path):
    write_lines(tmp_path / "problems.jsonl", [p.problem for p in known_puzzles(1)])
    settings = {
        "engine.kind": "local",
        "engine.backbone": str(ROOT / BACKBONE),
        "engine.adapters": "false",
        "engine.num_threads": "1",
        "traversal.max_tokens": "4",
        "run.problems": str(tmp_path / "problems.jsonl"),
    }
    words = ["pocket", "noise", "noise-untuned", "--out", str(tmp_path)]
    for key, value in settings.items():
        words += ["-s", f"{key}={value}"]
    done = mapcoder(tmp_path, *words)
    assert done.code == 0, done.stderr
    path = tmp_path / "noise-untuned"
    found = read_record(path / "readability.json", Readability)
    assert (found.num_problems, found.adapters) == (1, "prompts only")
    assert [sum(r.num_total for r in row.levels.values()) for row in found.rows] == [1, *[3] * 6]
    calls = (path / "calls.jsonl").read_bytes()
    assert mapcoder(tmp_path, *words).stdout == done.stdout
    assert (path / "calls.jsonl").read_bytes() == calls
