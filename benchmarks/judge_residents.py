"""Resident processes that judge on order, on one core, and what they and their children use.

Knows: cgroups, /proc, pinning, the wire to judge_methods.py.
Does not know: which methods there are, targets, tables.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

METHODS = Path(__file__).with_name("judge_methods.py")
SOURCES = Path(__file__).parents[1] / "src"
TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 120


class Absent(Exception):
    """A method cannot be run here, and why."""


@dataclass(frozen=True, slots=True)
class Slot:
    """What one order took."""

    cpu_seconds: float
    wall_seconds: float
    walls_ms: list[float]


class Cgroup:
    """A control group of version 2 below the one of this process, which counts all descendants."""

    def __init__(self, name: str) -> None:
        self._folder = cgroup_of_this_process() / f"judge-benchmark-{os.getpid()}-{name}"
        self._folder.mkdir()
        self.procs = self._folder / "cgroup.procs"

    def cpu_seconds(self) -> float:
        usage = (self._folder / "cpu.stat").read_text(encoding="ascii").split()
        return int(usage[usage.index("usage_usec") + 1]) / 1e6

    def close(self) -> None:
        """Remove it; the processes in it may take a moment to be gone."""
        for _ in range(50):
            with contextlib.suppress(OSError):
                self._folder.rmdir()
                return
            time.sleep(0.1)


def cgroup_of_this_process() -> Path:
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, mount, kind, *_ = line.split()
        if kind == "cgroup2":
            own = Path("/proc/self/cgroup").read_text(encoding="utf-8").partition("0::/")[2]
            return Path(mount) / own.strip()
    raise OSError("no cgroup of version 2 is mounted")


class Resident:
    """A method in a process of its own, kept for many orders."""

    def __init__(self, name: str, command: list[str], cores: set[int]) -> None:
        """Start it.

        Raises:
            Absent: it does not start, with the last line that it wrote.
        """
        self._cgroup = open_cgroup(name)
        self._errors = os.memfd_create("errors")
        path = os.pathsep.join(("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"))

        def enter() -> None:
            os.sched_setaffinity(0, cores)
            if self._cgroup is not None:
                self._cgroup.procs.write_text("0", encoding="ascii")

        self._process = subprocess.Popen(
            [command[0], str(METHODS), *command[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={"PATH": path, "PYTHONPATH": str(SOURCES), "OMP_NUM_THREADS": "1"},
            preexec_fn=enter,
            text=True,
        )
        if not self._answer(START_SECONDS):
            reason = self.last_words()
            self.close()
            raise Absent(reason)

    @property
    def has_cgroup(self) -> bool:
        return self._cgroup is not None

    def judge(self, num_programs: int, num_tests: int) -> Slot:
        """Have programs judged; a wrong answer ends the benchmark."""
        assert self._process.stdin is not None
        cpu, started = self._cpu_seconds(), time.perf_counter()
        self._process.stdin.write(json.dumps({"programs": num_programs, "tests": num_tests}) + "\n")
        self._process.stdin.flush()
        answer = self._answer(600)
        wall_seconds = time.perf_counter() - started
        if not answer or not answer["is_right"]:
            raise SystemExit(f"{self._process.args}: a wrong answer, or none: {self.last_words()}")
        return Slot(self._cpu_seconds() - cpu, wall_seconds, answer["walls_ms"])

    def _cpu_seconds(self) -> float:
        if self._cgroup is not None:
            return self._cgroup.cpu_seconds()
        return sum(cpu_seconds_of(pid) for pid in descendants(self._process.pid))

    def _answer(self, timeout_seconds: int) -> dict:
        assert self._process.stdout is not None
        with alarm(timeout_seconds):
            line = self._process.stdout.readline()
        return json.loads(line) if line else {}

    def last_words(self) -> str:
        text = os.pread(self._errors, 1 << 20, 0).decode("utf-8", "replace")
        lines = text.strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def memory(self) -> list[tuple[str, int, int]]:
        """Return name, resident and proportional set size in KB of each process below it."""
        found: list[tuple[str, int, int]] = []
        for pid in descendants(self._process.pid)[1:]:
            try:
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
            except ProcessLookupError:  # it has ended, and is not collected yet
                continue
            lines = rollup.splitlines()[1:]
            sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
            name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
            found.append((name, sizes["Rss"], sizes["Pss"]))
        return found

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._errors)
        if self._cgroup is not None:
            self._cgroup.close()


@contextlib.contextmanager
def alarm(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in the block when it lasts longer."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"no answer in {seconds} s")

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def open_cgroup(name: str) -> Cgroup | None:
    try:
        return Cgroup(name)
    except OSError:
        return None


def descendants(pid: int) -> list[int]:
    """List a process and all below it."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found.extend(map(int, task.read_text(encoding="ascii").split()))
    return found


def cpu_seconds_of(pid: int) -> float:
    """CPU of a process and of all that it has waited for."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return sum(map(int, text.rpartition(")")[2].split()[11:15])) / TICKS
