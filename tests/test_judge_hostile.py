"""Programs that try to fool, break or leave the judge, in both isolation tiers."""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.languages import language_of
from mapcoder_lite.judge.sandbox import Tier
from mapcoder_lite.problem import Checker, Language, Limits, Test
from mapcoder_lite.verdict import Judgement, Verdict
from process_tree import count_descriptors, descendants, inheriting_orphans, settles

PROGRAMS = Path(__file__).parent / "corpus" / "programs"
TIERS: tuple[Tier, ...] = ("bubblewrap", "landlock")
NUM_JUDGES = 4
LIMITS = Limits(cpu_seconds=0.15, memory_bytes=96 << 20, output_bytes=1 << 20)
SLOW_START_LIMITS = Limits(cpu_seconds=2.0, memory_bytes=96 << 20, output_bytes=1 << 20)
FAST_STARTERS = (Language.PYTHON, Language.C, Language.CPP, Language.RUST)
"""Others use so much CPU time before their program begins that a sleeper looks starved."""
HONEST_LIMITS = Limits(cpu_seconds=5.0)
SECRET = "SECRET-71c3"
PRIZES = ("uid=", "root:", "SECRET", "CONNECTED")
ENDLESS_COMPILATION = "ce_mle_ok_re_tle-nested-finally.py"
HONEST = "print(sum(map(int, input().split())))"


@dataclass(frozen=True)
class Hostile:
    name: str
    language: Language
    accepted: frozenset[Verdict]
    program: str

    @property
    def batch(self) -> tuple[Language, bool]:
        """What is run together: a language's programs, slow ones apart."""
        return (
            self.language,
            self.language is not Language.PYTHON or self.name == ENDLESS_COMPILATION,
        )


@dataclass(frozen=True)
class Held:
    """What a worker has: its processes, and their descriptors where they may be seen."""

    num_processes: int
    num_descriptors: int | None


@dataclass(frozen=True)
class Result:
    got: Judgement
    honest: Judgement
    before: Held
    after: Held


@dataclass
class Results:
    """What the programs of each batch got in one tier, found out when first asked for."""

    tier: Tier
    secret_file: Path
    found: dict[tuple[Language, bool], dict[str, Result] | str] = field(default_factory=dict)
    left_processes: list[int] = field(default_factory=list)
    left_descriptors: int = 0

    def of(
        self, batch: tuple[Language, bool] = (Language.PYTHON, False)
    ) -> dict[str, Result] | str:
        if batch not in self.found:
            num_descriptors = count_descriptors(os.getpid())
            others = set(descendants(os.getpid()))  # of tests before
            self.found[batch] = judge_batch(self.tier, batch, self.secret_file)
            self.left_descriptors += count_descriptors(os.getpid()) - num_descriptors
            settles(lambda: set(descendants(os.getpid())) <= others)
            self.left_processes += set(descendants(os.getpid())) - others
        return self.found[batch]


def accepted_by(name: str) -> frozenset[Verdict]:
    words = name.partition("-")[0].replace("ok", "ac_wa").upper().split("_")
    return frozenset(map(Verdict, words))


def corpus() -> list[Hostile]:
    files = sorted(path for path in PROGRAMS.iterdir() if path.is_file())
    written = [(path.name, language_of(path), path.read_text(encoding="utf-8")) for path in files]
    made = [(name, Language.PYTHON, program) for name, program in generated().items()]
    return [
        Hostile(name, language, accepted_by(name), program)
        for name, language, program in [*written, *made]
    ]


def generated() -> dict[str, str]:
    return {
        "ce_mle_re_tle-100000-parentheses.py": "(" * 100_000 + ")" * 100_000,
        "ce_mle_re_tle-100000-minus-signs.py": "-" * 100_000 + "1",
        "ce_mle_re_tle-100000-operands.py": "print(" + "1 +" * 100_000 + "1)",
        "ce_re-a-nul.py": "print(3)\0\n",
        "ce-a-lone-surrogate.py": "print('\ud800')\n",
        "ce_mle_re_tle-ten-megabytes-of-brackets.py": "[" * 10_000_000,
    }


def judge_one(
    judge: SandboxJudge, worker: int, before: Held, hostile: Hostile, secret_file: Path
) -> Result:
    expected = "3" if hostile.accepted == {Verdict.AC} else SECRET
    program = hostile.program.replace("@SECRET_FILE@", str(secret_file))
    is_fast = hostile.language in FAST_STARTERS
    got = judge.judge(
        program,
        hostile.language,
        [Test(input="1 2\n", outputs=(expected,))],
        limits=LIMITS if is_fast else SLOW_START_LIMITS,
        checker=Checker(),
    )
    honest = judge_honest(judge)
    settles(lambda: held(worker) == before, 2.0)
    return Result(got, honest, before, held(worker))


def judge_honest(judge: SandboxJudge) -> Judgement:
    tests = [Test(input="1 2\n", outputs=("3",))]
    return judge.judge(HONEST, Language.PYTHON, tests, limits=HONEST_LIMITS, checker=Checker())


def held(worker: int) -> Held:
    processes = [worker, *descendants(worker)]
    try:
        return Held(len(processes), sum(map(count_descriptors, processes)))
    except OSError:  # another user's, or one that has just ended
        return Held(len(processes), None)


def judge_share(
    tier: Tier, share: list[Hostile], secret_file: Path, starting: threading.Lock
) -> dict[str, Result]:
    # one worker, so that the honest program runs where the hostile one ran
    with starting:
        elsewhere = descendants(os.getpid())
        judge = SandboxJudge(1, tier=tier)
        worker = next(pid for pid in descendants(os.getpid()) if pid not in elsewhere)
    with judge:
        judge_honest(judge)
        time.sleep(0.2)  # the template of the honest program ends
        before = held(worker)
        return {one.name: judge_one(judge, worker, before, one, secret_file) for one in share}


def judge_batch(
    tier: Tier, batch: tuple[Language, bool], secret_file: Path
) -> dict[str, Result] | str:
    programs = [hostile for hostile in corpus() if hostile.batch == batch]
    try:
        with SandboxJudge(1, tier=tier) as judge:
            tests = [Test(input="", outputs=("",))]
            got = judge.judge("", batch[0], tests, limits=HONEST_LIMITS, checker=Checker())
    except SandboxError as error:
        return str(error)
    if got.verdict is Verdict.IE:
        return got.compilation.log or str(got.first_failure)
    starting = threading.Lock()
    found: dict[str, Result] = {}
    with ThreadPoolExecutor(NUM_JUDGES) as threads:
        shares = [programs[number::NUM_JUDGES] for number in range(NUM_JUDGES)]
        for results in threads.map(
            lambda share: judge_share(tier, share, secret_file, starting), shares
        ):
            found |= results
    return found


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
def results(request: pytest.FixtureRequest, secret_file: Path) -> Iterator[Results]:
    with inheriting_orphans():
        yield Results(request.param, secret_file)


def marked(hostile: Hostile) -> object:
    _, is_slow = hostile.batch
    return pytest.param(hostile, id=hostile.name, marks=[pytest.mark.slow] if is_slow else [])


@pytest.mark.parametrize("hostile", map(marked, corpus()))
def test_hostile_program_gets_nowhere(results: Results, hostile: Hostile) -> None:
    found = results.of(hostile.batch)
    if isinstance(found, str):
        pytest.skip(found)
    result = found[hostile.name]
    got = result.got
    assert got.verdict in hostile.accepted, (got.verdict, got.first_failure, got.compilation)
    # a traceback shows lines of the program itself, so stderr says nothing
    said = [got.compilation.log, *(run.stdout_excerpt for run in got.results)]
    assert not [text for text in said if any(prize in text for prize in PRIZES)]
    assert result.honest.verdict is Verdict.AC
    assert result.honest.num_retried == 0  # the same worker, alive and well
    assert result.after == result.before


def test_nothing_is_left_outside(results: Results) -> None:
    found = results.of()
    if isinstance(found, str):
        pytest.skip(found)
    folders = ("/tmp", "/dev/shm", "/var/tmp", "/", "/usr/lib", str(Path.cwd()))
    assert [path for name in folders for path in Path(name).glob("*mapcoder-hostile*")] == []
    assert results.left_processes == []
    assert results.left_descriptors == 0


def test_descriptors_of_workers_were_counted(results: Results) -> None:
    found = results.of()
    if isinstance(found, str):
        pytest.skip(found)
    counts = [result.before.num_descriptors for result in found.values()]
    if set(counts) == {None}:
        pytest.skip("the descriptors of a worker are not shown to this user")
    assert min(count or 0 for count in counts) > 3


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
