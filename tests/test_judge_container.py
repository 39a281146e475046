"""The judge inside a container with Docker's default seccomp profile and capabilities.

Bubblewrap cannot work there, so the second tier must serve, and serve in full: the selftest passes
and the hostile corpus is refused.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from oci_bundle import PROFILE, write_bundle

ROOT = Path(__file__).parents[1]
SELFTEST = """
import json
from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
try:
    SandboxJudge(1, tier="bubblewrap").close()
    bubblewrap = "works"
except SandboxError as error:
    bubblewrap = str(error)
with SandboxJudge(2) as judge:
    report = judge.selftest()
    rows = [(row.name, str(row.got), row.is_right) for row in report.rows]
    isolation = judge.isolation.model_dump()
print(json.dumps({"bubblewrap": bubblewrap, "isolation": isolation, "rows": rows}))
"""
USERS = {"root": 0, "ordinary user": 1000}

pytestmark = pytest.mark.slow


@pytest.fixture(params=USERS)
def user(request: pytest.FixtureRequest) -> int:
    if os.getuid() != 0:
        pytest.skip("only root can start a container here")
    if shutil.which("runc") is None:
        pytest.skip("runc is not installed")
    if not PROFILE.exists():
        pytest.skip(f"no seccomp profile at {PROFILE}; Debian: golang-github-containers-common")
    return USERS[request.param]


def in_container(folder: Path, arguments: list[str], user: int) -> subprocess.CompletedProcess[str]:
    """Run Python in a container; skips where runc itself cannot start one."""
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin",
        "PYTHONPATH": str(ROOT / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    shown = [ROOT, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()]
    shown = [path for path in dict.fromkeys(shown) if not path.is_relative_to("/usr")]
    python = str(Path(sys.prefix).resolve() / "bin" / "python")
    write_bundle(folder, [python, *arguments], user=user, shown=shown, environment=environment)
    done = subprocess.run(
        ["runc", "--root", str(folder / "state"), "run", f"judge-{uuid.uuid4().hex[:12]}"],
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=600,
    )
    if done.returncode and re.search(r"runc run failed|level=error", done.stderr):
        pytest.skip(f"runc cannot start a container here: {done.stderr.strip()[-400:]}")
    return done


def test_the_second_tier_serves_and_passes_the_selftest(tmp_path: Path, user: int) -> None:
    done = in_container(tmp_path, ["-c", SELFTEST], user)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["bubblewrap"] != "works"
    assert told["isolation"]["tier"] == "landlock"
    assert [row for row in told["rows"] if not row[2]] == []
    assert len(told["rows"]) > 10


def test_the_hostile_corpus_is_refused(tmp_path: Path, user: int) -> None:
    suite = str(ROOT / "tests" / "test_judge_hostile.py")
    how = ["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "--rootdir", str(ROOT)]
    done = in_container(tmp_path, [*how, "-c", str(ROOT / "pyproject.toml"), suite], user)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    # the first tier is skipped as a whole, the second is judged as a whole
    corpus = list((ROOT / "tests" / "corpus" / "programs").glob("*.py"))
    assert done.stdout.count("bwrap") > 0, done.stdout[-4000:]
    counted = re.search(r"(\d+) passed", done.stdout)
    num_passed = int(counted[1]) if counted else done.stdout.count(".")
    assert num_passed >= len(corpus)
