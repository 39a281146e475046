"""What a training will take, in words; the generated parts of page and recipes are current."""

import importlib.util
import re

import pytest

from mapcoder_lite.errors import InputError
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.arithmetic import GIB, memory
from mapcoder_lite.training.forecast import Lengths, dry_run, plan_of, recipe_table, target_table
from mapcoder_lite.training.shapes import KNOWN
from mapcoder_lite.trajectory import Role
from source_tree import ROOT

QWEN = KNOWN["Qwen2.5-7B-Instruct"]
ROWS = {
    Role.RETRIEVAL: Lengths(num_rows=2200, num_tokens=3_300_000, longest=3001),
    Role.DEBUGGING: Lengths(num_rows=4200, num_tokens=6_300_000, longest=2050),
}


def writer():
    spec = importlib.util.spec_from_file_location(
        "training_table", ROOT / "benchmarks" / "training_table.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_and_the_recipes_are_as_the_arithmetic_says():
    stale = [path.name for path, text in writer().pages().items() if path.read_text() != text]
    assert not stale, f"run python benchmarks/training_table.py: {stale}"


def test_a_dry_run_counts_the_longest_row_and_every_epoch():
    text = dry_run(TrainConfig(joint=False), QWEN, ROWS)
    assert "80.74 M in an adapter (1.06%)" in text
    assert "4 rows of 3001 tokens" in text
    assert "debugging: 4200 rows, 18.90 M tokens in 3 epochs" in text
    found = re.search(r"memory: ([\d.]+) GiB", text)
    assert found is not None
    expected = memory(plan_of(TrainConfig(), QWEN, 3001)).total / GIB
    assert float(found[1]) == pytest.approx(expected, abs=0.01)


def test_adapters_that_are_trained_together_are_held_together():
    alone, joint = (dry_run(TrainConfig(joint=j), QWEN, ROWS) for j in (False, True))
    assert "1.06% in 1 at once" in alone
    assert "2.12% in 2 at once" in joint


def test_a_dry_run_of_strange_targets_says_what_is_counted():
    with pytest.raises(InputError, match="wte"):
        dry_run(TrainConfig(target_modules="wte"), QWEN, ROWS)


def test_quantised_settings_need_less():
    plain, quantised = (plan_of(TrainConfig(quant=q), QWEN) for q in ("none", "nf4"))
    assert memory(quantised).weights < memory(plain).weights / 1.9


def test_the_tables_hold_every_group_and_recipe():
    assert target_table(QWEN).count("\n") == 5
    assert "| 80.74 M, 1.06% | 4.24% |" in recipe_table({"q": (TrainConfig(), QWEN)})
