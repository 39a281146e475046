"""What a training will take, in words; the generated parts of page and recipes are current."""

import importlib.util

import pytest

from mapcoder_lite.errors import InputError
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.arithmetic import memory
from mapcoder_lite.training.forecast import (
    durations,
    plan_of,
    recipe_table,
    target_table,
    told,
)
from mapcoder_lite.training.shapes import KNOWN
from source_tree import ROOT

QWEN = KNOWN["Qwen2.5-7B-Instruct"]


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


def test_a_plan_takes_the_longest_row_and_what_was_counted():
    plan = plan_of(TrainConfig(target_modules="wte"), QWEN, 2050, num_trained=1234)
    assert (plan.row_tokens, plan.num_adapter_parameters) == (2050, 1234)
    assert memory(plan).trained == 16 * 1234
    assert plan_of(TrainConfig(), QWEN).row_tokens == TrainConfig().max_tokens
    with pytest.raises(InputError, match="wte"):
        memory(plan_of(TrainConfig(target_modules="wte"), QWEN))


def test_all_weights_trained_need_three_more_numbers_each():
    full = memory(plan_of(TrainConfig(method="full", dtype="float32"), QWEN))
    assert full.trained == 3 * full.weights == 12 * QWEN.num_parameters


def test_time_is_told_by_device():
    taken = durations(plan_of(TrainConfig(), QWEN), 18_900_000)
    assert told(taken) == "A100 117 min, H100 37 min, RTX 4090 221 min"


def test_quantised_settings_need_less():
    plain, quantised = (plan_of(TrainConfig(quant=q), QWEN) for q in ("none", "nf4"))
    assert memory(quantised).weights < memory(plain).weights / 1.9


def test_the_tables_hold_every_group_and_recipe():
    assert target_table(QWEN).count("\n") == 5
    assert "| 80.74 M, 1.06% | 4.24% |" in recipe_table({"q": (TrainConfig(), QWEN)})
