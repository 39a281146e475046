"""`mapcoder train`: refusals, a dry run, lines of progress where there is no terminal."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mapcoder_lite.cli import build
from mapcoder_lite.errors import ConfigError, InputError
from mapcoder_lite.training.records import TrainingPlan
from mapcoder_lite.trajectory import Role
from tiny_qwen import make_backbone
from training_world import example, write_dataset


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    make_backbone(folder / "backbone")
    for role in Role:
        rows = [example(number, role=role) for number in range(9)]
        write_dataset(folder / "data", rows[:8], rows[8:], role=role)
    return folder


def given(world: Path, *more: str) -> list[str]:
    tiny = ("rank=4", "epochs=2", "dtype=float32", "num_threads=1", "batch_rows=4")
    sets = (f"backbone={world / 'backbone'}", "accumulation_steps=1", *tiny)
    options = [part for one in sets for part in ("-s", f"train.{one}")]
    return ["train", str(world / "data"), "--out", str(world / "out"), *options, *more]


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(world):
    done = CliRunner().invoke(build(), given(world, "--name", "plan", "--dry-run", "--json"))
    assert done.exit_code == 0, done.stderr
    plan = TrainingPlan.model_validate_json(done.stdout)
    assert [role.role for role in plan.roles] == list(Role)
    assert {role.num_rows for role in plan.roles} == {8}
    assert {role.num_steps for role in plan.roles} == {4}
    assert plan.way == "joint"
    assert plan.share_of_all == pytest.approx(4 * plan.share)
    assert plan.roles[0].memory_bytes["weights"] == 4 * plan.num_parameters
    assert plan.roles[0].memory_bytes["trained"] == 4 * 16 * plan.num_trainable  # four together
    shown = CliRunner().invoke(
        build(), given(world, "--name", "plan", "--dry-run", "--role", "coding")
    )
    assert "separate, since there is one role" in shown.stdout
    assert f"{plan.num_trainable:,} of {plan.num_parameters:,} parameters" in shown.stdout
    assert not (world / "out").exists()


def test_a_dry_run_is_refused_what_training_is_refused(world):
    refused = given(world, "--name", "plan", "--dry-run", "-s", "train.max_tokens=20")
    with pytest.raises(InputError, match="retrieval: 9 rows exceed 20 tokens"):
        CliRunner().invoke(build(), refused, catch_exceptions=False)


def test_one_pass_that_is_insisted_on_is_refused_where_it_cannot_be(world):
    for way in ("train", "plan"):
        more = ("--dry-run",) if way == "plan" else ()
        refused = given(world, "--name", "dora", "-s", "train.dora=true", *more)
        with pytest.raises(
            ConfigError, match=r"joint is on, but train\.dora is True; leave it out"
        ):
            CliRunner().invoke(
                build(), [*refused, "-s", "train.joint=true"], catch_exceptions=False
            )
        assert not (world / "out" / "dora" / "mapcoder.json").exists()
    shown = CliRunner().invoke(build(), refused)
    assert "separate, since train.dora is True" in shown.stdout


def test_an_unknown_role_is_refused(world):
    with pytest.raises(ConfigError, match="no such role: tester; there are retrieval"):
        CliRunner().invoke(
            build(), given(world, "--name", "x", "--role", "tester"), catch_exceptions=False
        )


def test_roles_one_after_the_other_are_told_in_plain_lines(world):
    some = ("--role", "coding", "--role", "planning", "-s", "train.joint=false")
    done = CliRunner().invoke(build(), given(world, "--name", "two", *some))
    assert done.exit_code == 0, done.stderr
    assert done.stdout.strip() == str(world / "out" / "two")
    assert "planning, coding: one after the other, since train.joint is off" in done.stderr
    assert "coding [4/4] validation loss " in done.stderr
    assert "planning [4/4] loss " in done.stderr
    manifest = json.loads((world / "out" / "two" / "mapcoder.json").read_text())
    assert manifest["roles"] == ["planning", "coding"]
    again = CliRunner().invoke(build(), given(world, "--name", "two", *some))
    assert "coding: finished before, left as it is" in again.stderr
