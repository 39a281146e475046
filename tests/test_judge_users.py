"""The judge works for root, who becomes somebody else first, and for an ordinary user."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from mapcoder_lite.judge.sandbox import Interpreter, Tier, choose_interpreter, count_tasks
from process_tree import settles

SOURCES = Path(__file__).parents[1] / "src"
ORDINARY = 54321
"""A user that owns nothing."""
ASK = """
import json, os, sys
from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.problem import Checker, Language, Limits, Test
try:
    judge = SandboxJudge(1, tier=sys.argv[1])
except SandboxError as error:
    print(json.dumps({"refused": str(error)}))
    raise SystemExit
with judge:
    report = judge.selftest()
    tests = [Test(input="", outputs=("",))]
    how = {"limits": Limits(), "checker": Checker()}
    shown = judge.judge("import os\\nprint(os.getuid())", Language.PYTHON, tests, **how)
told = {"wrong": [repr(row) for row in report.wrong_rows], "num_rows": len(report.rows)}
told["uid"] = int(shown.results[0].stdout_excerpt)
print(json.dumps(told))
"""


def ask_as(user: int, tier: Tier) -> dict[str, object]:
    """Judge the known programs as a user; skips where no Python of ours serves that user."""
    packages = sysconfig.get_path("purelib")
    program = [python_of(user), "-c", ASK, tier]
    done = subprocess.run(
        program,
        capture_output=True,
        text=True,
        cwd="/",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{SOURCES}:{packages}"},
        **({} if user == os.getuid() else {"user": user, "group": user, "extra_groups": []}),
    )
    if "ModuleNotFoundError" in done.stderr:
        pytest.skip(f"user {user} cannot read the packages: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    if "refused" in told:
        pytest.skip(told["refused"])
    return told


def python_of(user: int) -> str:
    """A Python that a user can start and that reads the packages installed here."""
    if user == os.getuid():
        return sys.executable
    found: Interpreter = choose_interpreter(None, user)
    if found.version != sys.version_info[:2]:
        pytest.skip(f"user {user} can start only Python {found.version}: {found.path}")
    return found.path


@pytest.mark.parametrize("tier", ["bubblewrap", "landlock"])
def test_an_ordinary_user_can_judge(tier: Tier) -> None:
    user = ORDINARY if os.getuid() == 0 else os.getuid()
    told = ask_as(user, tier)
    assert told["wrong"] == []
    assert told["uid"] == user
    assert user == os.getuid() or settles(lambda: count_tasks(user) == 0)


@pytest.mark.parametrize("tier", ["bubblewrap", "landlock"])
def test_root_becomes_somebody_else(tier: Tier) -> None:
    if os.getuid() != 0:
        pytest.skip("not root")
    told = ask_as(0, tier)
    assert told["wrong"] == []
    assert told["uid"] not in (0, None)
