"""Programs that try to fool, break or leave the judge, in both isolation tiers."""

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.sandbox import Tier
from mapcoder_lite.problem import Checker, Language, Limits, Test
from mapcoder_lite.verdict import Judgement, Verdict

CORPUS = Path(__file__).parent / "corpus"
CLASSES = sorted(path.stem for path in CORPUS.glob("*.txt"))
TIERS: tuple[Tier, ...] = ("bubblewrap", "landlock")
LIMITS = Limits(cpu_seconds=0.15, memory_bytes=96 << 20, output_bytes=1 << 20)
HONEST_LIMITS = Limits(cpu_seconds=5.0)
SECRET = "SECRET-71c3"
PRIZES = ("uid=", "root:", "SECRET", "CONNECTED")
HONEST = "print(sum(map(int, input().split())))"


@dataclass(frozen=True)
class Hostile:
    kind: str
    name: str
    accepted: frozenset[Verdict]
    program: str


@dataclass(frozen=True)
class Result:
    got: Judgement
    honest: Judgement


def corpus(kind: str, secret_file: str = "") -> list[Hostile]:
    found: list[Hostile] = []
    text = (CORPUS / f"{kind}.txt").read_text(encoding="utf-8")
    for section in text.split("#### ")[1:]:
        head, _, program = section.partition("\n")
        name, _, words = head.partition(" | ")
        verdicts = words.replace("ok", "AC WA").split()
        program = program.replace("@SECRET_FILE@", secret_file)
        found.append(Hostile(kind, name, frozenset(map(Verdict, verdicts)), program))
    if kind == "compile":
        found += generated()
    return found


def generated() -> list[Hostile]:
    refused = frozenset({Verdict.CE, Verdict.RE, Verdict.MLE, Verdict.TLE})
    return [
        Hostile("compile", "100,000 parentheses", refused, "(" * 100_000 + ")" * 100_000),
        Hostile("compile", "100,000 minus signs", refused, "-" * 100_000 + "1"),
        Hostile("compile", "a NUL", frozenset({Verdict.CE, Verdict.RE}), "print(3)\0\n"),
        Hostile("compile", "a lone surrogate", frozenset({Verdict.CE}), "print('\ud800')\n"),
    ]


def judge_one(judge: SandboxJudge, hostile: Hostile) -> Result:
    expected = "3" if hostile.accepted == {Verdict.AC} else SECRET
    tests = [Test(input="1 2\n", outputs=(expected,))]
    args = {"limits": LIMITS, "checker": Checker()}
    got = judge.judge(hostile.program, Language.PYTHON, tests, **args)
    honest_tests = [Test(input="1 2\n", outputs=("3",))]
    honest_args = {"limits": HONEST_LIMITS, "checker": Checker()}
    honest = judge.judge(HONEST, Language.PYTHON, honest_tests, **honest_args)
    return Result(got, honest)


def judge_class(tier: Tier, kind: str, secret_file: str) -> dict[tuple[str, str], Result]:
    # one worker, so that the honest program runs where the hostile one ran
    with SandboxJudge(1, tier=tier) as judge:
        programs = corpus(kind, secret_file)
        return {(kind, hostile.name): judge_one(judge, hostile) for hostile in programs}


@pytest.fixture(scope="module")
def secret_file() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mapcoder-judge-"))
    folder.chmod(0o755)
    file = folder / "tests.json"
    file.write_text(f"{SECRET} root: uid=0\n", encoding="utf-8")
    file.chmod(0o644)
    yield file
    assert [path.name for path in folder.iterdir()] == ["tests.json"]
    shutil.rmtree(folder)


@pytest.fixture(scope="module", params=TIERS)
def results(
    request: pytest.FixtureRequest, secret_file: Path
) -> dict[tuple[str, str], Result] | str:
    try:
        SandboxJudge(1, tier=request.param).close()
    except SandboxError as error:
        return str(error)
    found: dict[tuple[str, str], Result] = {}
    with ThreadPoolExecutor(4) as threads:
        jobs = [
            threads.submit(judge_class, request.param, kind, str(secret_file)) for kind in CLASSES
        ]
        for job in jobs:
            found |= job.result()
    return found


@pytest.mark.parametrize(
    "hostile",
    [one for kind in CLASSES for one in corpus(kind)],
    ids=lambda one: f"{one.kind}: {one.name}",
)
def test_hostile_program_gets_nowhere(
    results: dict[tuple[str, str], Result] | str, hostile: Hostile
) -> None:
    if isinstance(results, str):
        pytest.skip(results)
    result = results[hostile.kind, hostile.name]
    got = result.got
    assert got.verdict in hostile.accepted, (got.verdict, got.first_failure, got.compilation)
    for run in got.results:
        assert not any(prize in run.stdout_excerpt for prize in PRIZES)
    assert result.honest.verdict is Verdict.AC
    assert result.honest.num_retried == 0  # the same worker, alive and well


def test_nothing_is_left_outside(results: dict[tuple[str, str], Result] | str) -> None:
    if isinstance(results, str):
        pytest.skip(results)
    for folder in ("/tmp", "/dev/shm", "/", str(Path.cwd())):
        assert not list(Path(folder).glob("*mapcoder-hostile*"))


@pytest.mark.parametrize("tier", TIERS)
def test_a_program_leaves_nothing_for_the_next(tier: Tier) -> None:
    leave = """
import builtins, os, sys
builtins.left = sys.left = 1
for folder in (".", "/tmp", "/dev/shm", "/box", "/usr", "/var/tmp", sys.prefix):
    try:
        open(folder + "/left", "w").write("left")
    except OSError:
        pass
"""
    look = """
import builtins, os, sys
found = [hasattr(builtins, "left"), hasattr(sys, "left")]
for folder in (".", "/tmp", "/dev/shm", "/box", "/usr", "/var/tmp", sys.prefix):
    try:
        found.append("left" in open(folder + "/left").read())
    except OSError:
        found.append(False)
print(any(found))
"""
    tests = [Test(input="", outputs=("False",))] * 2
    args = {"limits": HONEST_LIMITS, "checker": Checker()}
    with tiered(tier) as judge:
        judge.judge(leave, Language.PYTHON, tests, **args)
        assert judge.judge(look, Language.PYTHON, tests, **args).verdict is Verdict.AC


def tiered(tier: Tier) -> SandboxJudge:
    try:
        return SandboxJudge(1, tier=tier)
    except SandboxError as error:
        pytest.skip(str(error))
