"""The shipped weights: small, whole, and the agents solve held-out problems with them."""

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

from mapcoder_lite import pipeline, runner
from mapcoder_lite.cli import engines
from mapcoder_lite.config import load
from mapcoder_lite.engine.folders import backbone_digest
from mapcoder_lite.errors import InputError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.pocket.world import WEIGHTS, pack_weights, problem_set
from mapcoder_lite.trajectory import Role


def test_the_weights_are_small_and_belong_together():
    size = sum(path.stat().st_size for path in WEIGHTS.rglob("*") if path.is_file())
    assert 5e6 < size <= 25e6
    manifest = json.loads((WEIGHTS / "adapters" / "mapcoder.json").read_text())
    assert manifest["roles"] == [role.value for role in Role]
    assert manifest["backbone_digest"] == backbone_digest(WEIGHTS / "pocket-backbone")
    assert manifest["settings"]["rank"] == 32
    assert manifest["settings"]["alpha"] == 64


def test_the_shipped_log_is_that_of_the_whole_training():
    rows = [json.loads(row) for row in (WEIGHTS / "pocket-backbone" / "log.jsonl").open()]
    recipe = json.loads((WEIGHTS / "pocket-backbone" / "recipe.json").read_text())
    last_step = recipe["num_tokens"] // (recipe["rows"] * recipe["row_tokens"])
    assert last_step - 50 < rows[-1]["step"] <= last_step
    assert rows[-1]["loss"] < rows[0]["loss"] / 5


def test_packing_names_what_is_missing_and_harms_nothing(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "old").write_text("old")
    with pytest.raises(InputError, match=r"model\.safetensors"):
        pack_weights(tmp_path / "no", tmp_path / "no", tmp_path / "kept")
    assert (tmp_path / "kept" / "old").read_text() == "old"


def test_the_adapters_solve_what_the_bare_backbone_does_not():
    """Six held-out problems: the adapters' agents pass more hidden tests than the backbone's."""
    puzzles = list(islice(problem_set("test"), 6))
    passed = {}
    with SandboxJudge(2) as judge:
        for adapters in ("true", "false"):
            settings = load(
                (), [f"engine.adapters={adapters}", "engine.num_threads=1", "traversal.t=1"]
            )
            with engines.opened_engine(settings) as engine:
                dials = engines.dials(settings)

                def attempt(puzzle, engine=engine, dials=dials):
                    return pipeline.solve(puzzle.problem, engine, judge, dials)

                with ThreadPoolExecutor(6) as threads:
                    trajectories = list(threads.map(attempt, puzzles))
            grades = [
                runner.grade(t, p.problem, p.hidden, judge)
                for t, p in zip(trajectories, puzzles, strict=True)
            ]
            passed[adapters] = sum(grade.is_passed for grade in grades)
    assert passed["true"] >= 2
    assert passed["true"] > passed["false"]
