"""Judge tens of thousands of mixed programs while workers are killed, and look for any fault.

Command: python benchmarks/judge_soak.py [RUNS] [SECONDS_BETWEEN_KILLS]

A judge of two workers serves several threads; processes of the judge (workers, templates, running
programs, not the parts of toolchains) are killed at random by SIGKILL. Every verdict must be the
known one. IE, which a judge may say after its retries, is counted apart. At the end nothing may be
left: processes, descriptors, memory, scratch files. Ends with 1 on any fault.

Knows: /proc, and how to kill.
Does not know: which programs, how they are judged.
"""

import ctypes
import gc
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from soak_programs import CORPUS, PYTHON, SUM, Kind, from_corpus

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.problem import Checker, Language
from mapcoder_lite.verdict import Judgement, Verdict

NUM_WORKERS = 2
NUM_THREADS = 6
SECONDS_BETWEEN_KILLS = 2.0
MAX_GROWTH_KILOBYTES = 16 << 10
"""Of resident memory, of the host and of a worker, between warm and last."""
COMPILERS = {"gcc", "g++", "cc1", "cc1plus", "as", "ld", "collect2", "go", "compile", "asm", "link"}
COMPILERS |= {"rustc", "cc", "javac", "java", "mcs", "mono", "mono-sgen", "node", "ruby", "php"}
PR_SET_CHILD_SUBREAPER = 36
M_MMAP_THRESHOLD = -3


@dataclass
class Tally:
    """What happened so far; one lock for all threads."""

    num_wanted: int = 0
    may_kill: bool = True
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    faults: list[str] = field(default_factory=list[str])
    num_runs: int = 0
    num_judged: int = 0
    num_retried: int = 0
    num_internal: int = 0
    num_killed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: Kind, got: Judgement) -> None:
        with self.lock:
            self.num_runs += max(1, got.num_run)
            self.num_judged += 1
            self.num_retried += got.num_retried
            self.verdicts[kind.name, got.verdict.value] += 1
            if got.verdict is Verdict.IE:
                self.num_internal += 1
            elif got.verdict not in kind.verdicts:
                reason = got.first_failure.reason if got.first_failure else got.compilation.log
                self.faults.append(f"{kind.name}: {got.verdict.value}: {reason[:200]}")

    @property
    def is_done(self) -> bool:
        return self.num_runs >= self.num_wanted


@dataclass(frozen=True)
class Held:
    """What the host and the sandbox hold; the judge is idle."""

    num_descriptors: int
    num_processes: int
    host_kilobytes: int
    worker_kilobytes: int
    scratch: tuple[str, ...]


def kinds_here(judge: SandboxJudge) -> list[Kind]:
    """What this judge can judge; says which languages it cannot."""
    found = list(PYTHON)
    refused: set[Language] = set()
    for kind in (from_corpus(name, weight) for name, weight in CORPUS.items()):
        if kind.language in refused:
            continue
        try:
            is_refused = ask(judge, kind).verdict is Verdict.IE
        except SandboxError:
            is_refused = True
        if is_refused:
            refused.add(kind.language)
        else:
            found.append(kind)
    print("languages that are not here:", ", ".join(sorted(refused)) or "none")
    return found


def main() -> int:
    num_wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    between = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS_BETWEEN_KILLS
    libc = ctypes.CDLL(None)
    # orphans come to us, so that none gets out of sight
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # else malloc keeps the place of the largest outputs and binaries, in each thread
    libc.mallopt(M_MMAP_THRESHOLD, 128 << 10)
    with tempfile.TemporaryDirectory(prefix="judge-soak-") as scratch:
        Path(scratch).chmod(0o755)
        tempfile.tempdir = scratch
        outside = held(scratch)
        started = time.monotonic()
        tally, faults = soak(scratch, num_wanted, between)
        seconds = time.monotonic() - started
        reap()
        faults += leaks(outside, held(scratch), "after the judge is closed")
    show(tally, seconds)
    for fault in [*tally.faults, *faults]:
        print(f"FAULT {fault}")
    print("no fault" if not tally.faults + faults else "faults: see above")
    return 1 if tally.faults or faults else 0


def soak(scratch: str, num_wanted: int, between: float) -> tuple[Tally, list[str]]:
    """Judge until enough runs are made; return what happened and what leaked meanwhile."""
    tally = Tally()
    with SandboxJudge(NUM_WORKERS) as judge:
        kinds = kinds_here(judge)
        stop = threading.Event()
        killer = threading.Thread(target=kill_at_random, args=(tally, between, stop))
        killer.start()
        warm = judge_up_to(num_wanted // 4, judge, kinds, tally, scratch)
        last = judge_up_to(num_wanted, judge, kinds, tally, scratch)
        stop.set()
        killer.join()
    print(f"warm: {warm}\nlast: {last}")
    return tally, leaks(warm, last, "while the judge works")


def judge_up_to(
    num_runs: int, judge: SandboxJudge, kinds: list[Kind], tally: Tally, scratch: str
) -> Held:
    """Go on to a number of runs in several threads; return what is held when all rest."""
    tally.num_wanted = num_runs
    with ThreadPoolExecutor(NUM_THREADS) as threads:
        for number in range(NUM_THREADS):
            threads.submit(judge_until_done, judge, kinds, tally, num_runs + number)
        watch(tally)
    tally.may_kill = False
    ask_all_workers(judge)
    reap()
    found = held(scratch)
    tally.may_kill = True
    return found


def judge_until_done(judge: SandboxJudge, kinds: list[Kind], tally: Tally, seed: int) -> None:
    chance = random.Random(seed)
    weights = [kind.weight for kind in kinds]
    while not tally.is_done:
        (kind,) = chance.choices(kinds, weights)
        try:
            tally.add(kind, ask(judge, kind))
        except SandboxError as error:  # no worker for the whole of its retries
            with tally.lock:
                tally.num_internal += 1
                tally.verdicts[kind.name, f"raised: {str(error)[:60]}"] += 1
        except BaseException as error:
            with tally.lock:
                tally.faults.append(f"{kind.name}: raised {error!r}")
            raise


def ask(judge: SandboxJudge, kind: Kind) -> Judgement:
    how = {"limits": kind.limits, "checker": Checker()}
    return judge.judge(kind.program, kind.language, kind.tests, **how)


def ask_all_workers(judge: SandboxJudge) -> None:
    """Start every worker, as each waits for the others to be lent, and let templates end."""
    long = Kind("long", 0, "import time\ntime.sleep(0.5)\n" + SUM, frozenset({Verdict.AC}))
    with ThreadPoolExecutor(NUM_WORKERS) as threads:
        list(threads.map(lambda _: ask(judge, long), range(NUM_WORKERS)))
    time.sleep(0.5)


def kill_at_random(tally: Tally, between: float, stop: threading.Event) -> None:
    chance = random.Random(0)
    while not stop.wait(chance.expovariate(1 / between)):
        victims = [pid for pid in descendants(os.getpid()) if not is_compiler(pid)]
        if victims and tally.may_kill:
            try:
                os.kill(chance.choice(victims), signal.SIGKILL)
            except ProcessLookupError:
                continue
            tally.num_killed += 1
        reap()


def is_compiler(pid: int) -> bool:
    """Whether it is a part of a toolchain: to that, its user hears only that it failed."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() in COMPILERS
    except OSError:  # ended meanwhile
        return False


def watch(tally: Tally) -> None:
    """Say how far it is, until it is done."""
    started, said = time.monotonic(), 0.0
    while not tally.is_done:
        time.sleep(0.2)
        seconds = time.monotonic() - started
        if seconds - said >= 10:
            said = seconds
            host_mb = resident(os.getpid()) >> 10
            left = (tally.num_wanted - tally.num_runs) * seconds / max(1, tally.num_runs)
            print(
                f"{tally.num_runs} of {tally.num_wanted} runs, {tally.num_killed} kills, "
                f"{tally.num_retried} retries, {tally.num_internal} IE, "
                f"{len(tally.faults)} faults, host {host_mb} MB; {left:.0f} s left",
                flush=True,
            )


def show(tally: Tally, seconds: float) -> None:
    print(f"{tally.num_runs} runs of {tally.num_judged} programs in {seconds:.0f} s:", end=" ")
    print(f"{tally.num_killed} kills, {tally.num_retried} retries, {tally.num_internal} IE")
    for (name, verdict), count in sorted(tally.verdicts.items()):
        print(f"  {name:45} {verdict:5} {count:7}")


def leaks(before: Held, after: Held, when: str) -> list[str]:
    found: list[str] = []
    if after.num_descriptors > before.num_descriptors:
        found.append(f"{after.num_descriptors - before.num_descriptors} descriptors left {when}")
    if after.num_processes > before.num_processes:
        found.append(f"{after.num_processes - before.num_processes} processes left {when}")
    if after.scratch != before.scratch:
        found.append(f"scratch files left {when}: {after.scratch[:5]}")
    if before.worker_kilobytes:
        grown = after.host_kilobytes - before.host_kilobytes
        if grown > MAX_GROWTH_KILOBYTES:
            found.append(f"the host's memory grew by {grown} kB {when}")
        grown = after.worker_kilobytes - before.worker_kilobytes
        if grown > MAX_GROWTH_KILOBYTES:
            found.append(f"the workers' memory grew by {grown} kB {when}")
    return found


def held(scratch: str) -> Held:
    gc.collect()
    processes = descendants(os.getpid())
    return Held(
        num_descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()),
        num_processes=len(processes),
        host_kilobytes=resident(os.getpid()),
        worker_kilobytes=sum(map(resident, processes)),
        scratch=tuple(sorted(path.name for path in Path(scratch).iterdir())),
    )


def resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:  # ended meanwhile
        return 0
    return pages * (os.sysconf("SC_PAGE_SIZE") >> 10)


def descendants(root: int) -> list[int]:
    """Every process below one that has not ended."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        if fields[0] not in "ZX":
            parents[int(folder.name)] = int(fields[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def reap() -> None:
    """Collect what has ended below us; their number is limited."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    sys.exit(main())
