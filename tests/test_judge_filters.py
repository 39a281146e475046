"""The shipped seccomp filters are what their generator makes, and do what its rules say.

Every rule is tried twice: by an interpreter on every system call of each machine type, and in live
children of the machine that is here.
"""

import base64
import errno
import json
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from classic_bpf import ALLOW, ERRNO, KILL_PROCESS, Bpf
from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.filters import FILTER_NAMES, FOLDER, MACHINES, generate, load_filters

TESTS = Path(__file__).parent
HERE = MACHINES.get(platform.machine().lower(), "")
NAMES = sorted(FILTER_NAMES)
LISTS = {
    "strict": (generate.ALLOWED,),
    "exec": (generate.ALLOWED, generate.FOR_MACHINES),
    "compile": (generate.ALLOWED, generate.FOR_MACHINES, generate.FOR_COMPILERS),
}
"""The lists of the generator that each filter allows without condition."""

EPERM = ERRNO | errno.EPERM
ENOSYS = ERRNO | errno.ENOSYS
ONES = (-1,) * 6
MAX_NUMBER = 1024
X32_BIT = 0x40000000
CLONE_NAMESPACES = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
CLONE_VM, CLONE_FS, CLONE_VFORK, CLONE_THREAD = 0x100, 0x200, 0x4000, 0x10000


@dataclass(frozen=True)
class Call:
    """A system call with arguments, and what a filter must do with it."""

    name: str
    arguments: tuple[int, ...]
    action: int


def conditional(name: str) -> list[Call]:
    """The rules that look at arguments."""
    return [*clones(name), *limits(), *commands(), *starts(name), *mappings(name), *pairs(name)]


def clones(name: str) -> Iterator[Call]:
    starts_processes = ALLOW if name == "compile" else EPERM
    for flags in (signal.SIGCHLD, 0, CLONE_VM | CLONE_VFORK | signal.SIGCHLD, CLONE_FS):
        yield Call("clone", (flags,), starts_processes)
    for flags in (CLONE_THREAD, CLONE_THREAD | CLONE_VM | 0x800, CLONE_THREAD | 1 << 32):
        yield Call("clone", (flags,), ALLOW)
    for namespace in CLONE_NAMESPACES:
        yield Call("clone", (namespace | signal.SIGCHLD,), EPERM)
        yield Call("clone", (namespace | CLONE_THREAD,), EPERM)
    yield Call("clone3", ONES, ENOSYS)


def limits() -> Iterator[Call]:
    """Own limits may be read."""
    for kind in range(16):
        yield Call("prlimit64", (0, kind, 0, -1), ALLOW)
        yield Call("prlimit64", (0, kind, -1, 0), EPERM)
        yield Call("prlimit64", (0, kind, 1 << 32, 0), EPERM)
        yield Call("prlimit64", (1, kind, 0, -1), EPERM)


def commands() -> Iterator[Call]:
    for command in (*range(0x5400, 0x5480), 0x80045430, 0x89FF, 1 << 32 | 0x5401):
        is_allowed = command in generate.IOCTLS.values()
        yield Call("ioctl", (-1, command), ALLOW if is_allowed else EPERM)
    for command in (*range(64), *range(1024, 1060), 1 << 32):
        is_allowed = command in generate.FCNTLS
        yield Call("fcntl", (-1, command), ALLOW if is_allowed else EPERM)


def starts(name: str) -> Iterator[Call]:
    """What else a program that is executed may do, and only so."""
    for bit in range(33):
        is_empty_path = 1 << bit == generate.AT_EMPTY_PATH
        is_allowed = name == "exec" and is_empty_path
        yield Call("execveat", (-1, -1, 0, 0, 1 << bit), ALLOW if is_allowed else EPERM)
    yield Call("execveat", (-1, -1, 0, 0, 0), EPERM)
    options = () if name == "strict" else generate.PRCTLS
    for option in (*range(80), *options, 1 << 32):
        yield Call("prctl", (option, -1), ALLOW if option in options else EPERM)
    yield Call("tgkill", (1, 1, 0), EPERM)
    for number in range(66):  # of the process that installing puts in the place of OWN_PID
        is_allowed = name == "exec" and number not in (9, 13, 14, 16, 17, 18, 19)
        yield Call("tgkill", (generate.OWN_PID, -1, number), ALLOW if is_allowed else EPERM)
    for policy in (0, 1, 2, 3, 5, 6, 1 << 30):
        is_allowed = policy == 0 and name != "strict"
        yield Call("sched_setscheduler", (-1, policy, -1), ALLOW if is_allowed else EPERM)


def mappings(name: str) -> Iterator[Call]:
    """Memory that the limits count: no shared one without a file, none that grows by itself."""
    for flags in (0x1, 0x2, 0x3, 0x12, 0x22, 0x4022, 0x8001):
        yield Call("mmap", (-1, -1, -1, flags, -1, -1), ALLOW)
    for flags in (0x21, 0x23, 0x8021, 0x102, 0x122, 0x1FF):
        yield Call("mmap", (-1, -1, -1, flags, -1, -1), EPERM if name == "exec" else ALLOW)


def pairs(name: str) -> Iterator[Call]:
    """Two sockets that know each other, and plain words between them."""
    compiles = name == "compile"
    for family in (0, 1, 2, 10, 16, 1 << 32 | 1):
        for kind in (1, 1 | 0x80000 | 0x800, 2, 3, 5):
            is_stream_pair = family == 1 and kind & 0xF == 1
            may = is_stream_pair or compiles
            yield Call("socketpair", (family, kind, 0, 0), ALLOW if may else EPERM)
    yield Call("socketpair", (1, 1, 1, 0), ALLOW if compiles else EPERM)
    for call in ("sendto", "recvfrom"):
        yield Call(call, (-1, -1, -1, 0, 0), EPERM if compiles else ALLOW)
        for flags, address in ((1, 0), (0x40, 0), (0x4000, 0), (0, 1), (0, -1), (0, 1 << 32)):
            yield Call(call, (-1, -1, -1, flags, address), EPERM)


def unconditional(name: str, call: str) -> int:
    """What the lists of the generator say of a call."""
    if call in generate.DEADLY.split():
        return KILL_PROCESS
    if (call, name) == ("mmap", "exec"):  # which looks at its arguments
        return EPERM
    return ALLOW if call in " ".join(LISTS[name]).split() else EPERM


def numbers(machine: str) -> dict[str, int]:
    """Every system call of a machine type, as libseccomp knows it."""
    try:
        import pyseccomp
    except (ImportError, RuntimeError, OSError) as error:
        pytest.skip(f"pyseccomp or libseccomp is absent: {error}")
    arch = {"x86_64": pyseccomp.Arch.X86_64, "aarch64": pyseccomp.Arch.AARCH64}[machine]
    found: dict[str, int] = {}
    for number in range(MAX_NUMBER):
        try:
            name = pyseccomp.resolve_syscall(arch, number)
        except ValueError:
            continue
        found[name.decode() if isinstance(name, bytes) else name] = number
    assert len(found) > 280
    return found


def load(name: str, machine: str) -> bytes:
    return (FOLDER / f"{name}.{machine}.bpf").read_bytes()


@pytest.mark.parametrize("machine", sorted(set(MACHINES.values())))
@pytest.mark.parametrize("name", NAMES)
def test_every_call_meets_what_its_list_says(name: str, machine: str) -> None:
    known = numbers(machine)
    bpf = Bpf(load(name, machine))
    judged_by_arguments = {call.name for call in conditional(name)}
    wrong = [
        (call, arguments)
        for call, number in known.items()
        if call not in judged_by_arguments
        for arguments in ((), ONES)
        if bpf.action(machine, number, arguments) != unconditional(name, call)
    ]
    assert wrong == []
    unknown = sorted(set(range(MAX_NUMBER)) - set(known.values()))
    assert {bpf.action(machine, number) for number in unknown} == {EPERM}


@pytest.mark.parametrize("machine", sorted(set(MACHINES.values())))
@pytest.mark.parametrize("name", NAMES)
def test_rules_with_arguments(name: str, machine: str) -> None:
    known = numbers(machine)
    bpf = Bpf(load(name, machine))
    wrong = [
        (call, hex(got))
        for call in conditional(name)
        if (got := bpf.action(machine, known[call.name], call.arguments)) != call.action
    ]
    assert wrong == []


@pytest.mark.parametrize("machine", sorted(set(MACHINES.values())))
@pytest.mark.parametrize("name", NAMES)
def test_another_abi_is_the_end(name: str, machine: str) -> None:
    bpf = Bpf(load(name, machine))
    strangers = {"x86_64": ("i386", "aarch64", "arm"), "aarch64": ("arm", "x86_64", "i386")}
    for stranger in strangers[machine]:
        assert {bpf.action(stranger, number) for number in range(MAX_NUMBER)} == {KILL_PROCESS}
    if machine == "x86_64":
        x32 = {bpf.action(machine, X32_BIT | number) for number in range(MAX_NUMBER)}
        assert x32 == {KILL_PROCESS}


@pytest.mark.skipif(not HERE, reason=f"no filter is shipped for {platform.machine()}")
@pytest.mark.parametrize("name", NAMES)
def test_every_rule_holds_in_a_live_child(name: str) -> None:
    known = numbers(HERE)
    by_arguments = conditional(name)
    judged_by_arguments = {call.name for call in by_arguments}
    # through vfork the child would run on our stack, and tkill ends us where it is let through
    plain = sorted(known.keys() - judged_by_arguments - {"vfork"})
    calls = [Call(call, ONES, unconditional(name, call)) for call in plain]
    calls += by_arguments
    numbered = [(known[call.name], call.arguments) for call in calls]
    if HERE == "x86_64":
        calls += [Call(f"x32 {number}", ONES, KILL_PROCESS) for number in (0, 57, 59, 512, 520)]
        numbered += [(X32_BIT | number, ONES) for number in (0, 57, 59, 512, 520)]
    met = live(load(name, HERE), numbered)
    wrong = [
        (call.name, call.arguments, hex(call.action), got)
        for call, got in zip(calls, met, strict=True)
        if not agrees(call, got)
    ]
    assert wrong == []


def live(program: bytes, calls: list[tuple[int, tuple[int, ...]]]) -> list[int]:
    """What calls meet under a filter: error numbers, or minus the ending signal."""
    padded = [(number, [*arguments, *[0] * 6][:6]) for number, arguments in calls]
    asked = {"filter": base64.b64encode(program).decode(), "calls": padded}
    done = subprocess.run(
        [sys.executable, "-S", str(TESTS / "seccomp_probe.py")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(TESTS.parent / "src")},
        timeout=120,
    )
    return json.loads(done.stdout)


def agrees(call: Call, got: int) -> bool:
    """Whether a call met what it must; one that is let through may fail, but not with EPERM."""
    if call.action == KILL_PROCESS:
        return got == -signal.SIGSYS
    if call.action == ALLOW:
        return got not in (errno.EPERM, -signal.SIGSYS)
    return got == call.action & 0xFFFF


def test_shipped_filters_are_what_the_generator_makes(tmp_path: Path) -> None:
    numbers("x86_64")  # skips where libseccomp is absent
    generate.write_all(tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    shipped = {path.name: path.read_bytes() for path in FOLDER.glob("*.*.*")}
    assert made == shipped
    assert len(made) == 2 * len(NAMES) * len(set(MACHINES.values()))


@pytest.mark.parametrize("machine", ["x86_64", "aarch64", "arm64"])
def test_filters_load(machine: str) -> None:
    filters = load_filters(machine)
    assert len(filters.strict) % 8 == 0
    assert len(filters.exec) > len(filters.strict) > 1000


def test_unknown_machine_is_refused() -> None:
    with pytest.raises(SandboxError, match="riscv64"):
        load_filters("riscv64")
