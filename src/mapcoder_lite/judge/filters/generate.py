"""Write the seccomp programs and their text form; needs pyseccomp, run it at release.

Command: python -m mapcoder_lite.judge.filters.generate [FOLDER]

Knows: which system calls a judged program may make, and which ones end it.
Does not know: how the filters are loaded.
"""

import errno
import sys
import tempfile
from pathlib import Path
from typing import Any

from mapcoder_lite.judge.filters import FILTER_NAMES, FOLDER, MACHINES, FilterName

ALLOWED = """
read write readv writev pread64 pwrite64 preadv pwritev lseek close close_range dup dup2 dup3
open openat stat lstat fstat newfstatat statx access faccessat faccessat2 readlink readlinkat
getdents64 getcwd chdir umask ftruncate fsync fdatasync
unlink unlinkat mkdir mkdirat rename renameat renameat2 rmdir
mmap munmap mprotect mremap madvise brk msync mincore membarrier
rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait sigaltstack pause
alarm setitimer getitimer clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday
time times getrusage getrlimit sysinfo uname getrandom
getpid gettid getppid getpgrp getuid geteuid getgid getegid getgroups
futex set_robust_list get_robust_list rseq set_tid_address sched_yield sched_getaffinity
select pselect6 poll ppoll epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd2 pipe pipe2
arch_prctl restart_syscall exit exit_group
"""
"""Without further condition; Landlock refuses the file changes among them."""

FOR_MACHINES = """
sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min getcpu
get_mempolicy fadvise64 readahead statfs fstatfs mlock munlock
timer_create timer_settime timer_gettime timer_getoverrun timer_delete rt_sigsuspend
"""
"""What the machines of other languages ask for beside that, and programs compiled for this one.
mono's threads wait in rt_sigsuspend while memory is collected."""

FOR_COMPILERS = """
execve fork vfork wait4 waitid getpgid getsid getresuid getresgid chmod fchmod fchmodat
link linkat symlink symlinkat truncate utimensat utimes utime fallocate sendfile copy_file_range
flock fchdir setrlimit socketpair memfd_create
"""
"""A compiler is honest, what it reads is not: it starts its own parts, reaches no network, signals
nobody, and stays in its process group, which is ended with it."""

DEADLY = """
ptrace process_vm_readv process_vm_writev process_madvise kcmp mount umount2 pivot_root unshare
setns bpf io_uring_setup io_uring_enter io_uring_register keyctl add_key request_key userfaultfd
perf_event_open kexec_load kexec_file_load init_module finit_module delete_module reboot swapon
swapoff open_by_handle_at name_to_handle_at memfd_secret pidfd_open pidfd_getfd seccomp
"""
"""No honest program asks for these: the process is killed, the verdict is SEC."""

IOCTLS = {
    "TCGETS": 0x5401,
    "FIOCLEX": 0x5451,
    "FIONCLEX": 0x5450,
    "FIONREAD": 0x541B,
    "TIOCGWINSZ": 0x5413,
    "FIONBIO": 0x5421,
}

FCNTLS = (0, 1, 2, 3, 4, 5, 6, 7, 1030, 1031, 1032, 1034)
"""Duplicates, flags, locks, pipe size, reading seals. Not F_SETOWN (8), F_SETSIG (10) and
F_SETOWN_EX (15): with O_ASYNC they make the kernel send any signal to the judge."""

PRCTLS = (3, 15, 16, 0x53564D41)
"""Dumpable (get), names of threads and of memory."""

AF_UNIX = 1
SOCK_STREAM = 1
SOCKET_TYPES = 0xF
"""The bits of a socket's type that are no flags."""

OWN_PID = 0x7EADBEEF
"""Stands for the process's own number, which is put in its place when the filter is installed."""

SIGFPE, SIGTSTP, SIGNALS_BETWEEN = 8, 20, (10, 11, 12, 15)

MAP_SHARED, MAP_ANONYMOUS, MAP_GROWSDOWN = 0x1, 0x20, 0x100
MAP_ESCAPING = MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN
MMAP_FLAGS = (0, MAP_SHARED, MAP_ANONYMOUS)

CLONE_THREAD = 0x10000
CLONE_NAMESPACES = 0x7E020000
AT_EMPTY_PATH = 0x1000


def build(machine: str, name: FilterName) -> Any:  # pyseccomp ships no types
    """Return a filter of one machine type."""
    import pyseccomp as seccomp  # pyright: ignore[reportMissingTypeStubs] -- it has none

    rules = seccomp.SyscallFilter(defaction=seccomp.ERRNO(errno.EPERM))
    arch = {"x86_64": seccomp.Arch.X86_64, "aarch64": seccomp.Arch.AARCH64}[machine]
    if arch != seccomp.system_arch():
        rules.add_arch(arch)
        rules.remove_arch(seccomp.system_arch())
    for call in ALLOWED.split():
        if (call, name) != ("mmap", "exec"):
            rules.add_rule(seccomp.ALLOW, call)
    for call in DEADLY.split():
        rules.add_rule(seccomp.KILL_PROCESS, call)
    rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")  # glibc falls back to clone
    # prlimit64 reads the caller's own limits only: pid 0, no new limit
    own = seccomp.Arg(0, seccomp.EQ, 0), seccomp.Arg(2, seccomp.EQ, 0)
    rules.add_rule(seccomp.ALLOW, "prlimit64", *own)
    for number in IOCTLS.values():
        rules.add_rule(seccomp.ALLOW, "ioctl", seccomp.Arg(1, seccomp.EQ, number))
    for number in FCNTLS:
        rules.add_rule(seccomp.ALLOW, "fcntl", seccomp.Arg(1, seccomp.EQ, number))
    # a clone may open no namespace, and must be a thread where no process may be started
    mask, wanted = CLONE_THREAD | CLONE_NAMESPACES, CLONE_THREAD
    if name == "compile":
        mask, wanted = CLONE_NAMESPACES, 0
    rules.add_rule(seccomp.ALLOW, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, mask, wanted))
    if name != "compile":  # which may make any pair
        allow_pairs(rules)
    if name != "strict":
        allow_more(rules, name)
    # the default for a foreign ABI (x32, int 0x80) kills only the thread
    rules.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)
    rules.set_attr(seccomp.Attr.CTL_OPTIMIZE, 2)
    return rules


def allow_pairs(rules: Any) -> None:  # pyseccomp ships no types
    """Allow what asyncio wakes itself by: two sockets that know each other and nothing else.

    Without flags or an address, for urgent data and descriptors in flight are where the kernel had
    its faults.
    """
    import pyseccomp as seccomp  # pyright: ignore[reportMissingTypeStubs] -- it has none

    is_stream = seccomp.Arg(1, seccomp.MASKED_EQ, SOCKET_TYPES, SOCK_STREAM)
    pair = seccomp.Arg(0, seccomp.EQ, AF_UNIX), is_stream, seccomp.Arg(2, seccomp.EQ, 0)
    rules.add_rule(seccomp.ALLOW, "socketpair", *pair)
    plain = seccomp.Arg(3, seccomp.EQ, 0), seccomp.Arg(4, seccomp.EQ, 0)
    for call in ("sendto", "recvfrom"):
        rules.add_rule(seccomp.ALLOW, call, *plain)


def allow_more(rules: Any, name: FilterName) -> None:  # pyseccomp ships no types
    """Allow what a compiled program, a machine of another language or a compiler needs."""
    import pyseccomp as seccomp  # pyright: ignore[reportMissingTypeStubs] -- it has none

    for call in FOR_MACHINES.split():
        rules.add_rule(seccomp.ALLOW, call)
    for option in PRCTLS:
        rules.add_rule(seccomp.ALLOW, "prctl", seccomp.Arg(0, seccomp.EQ, option))
    # mono sets each thread to the usual policy, which changes nothing
    rules.add_rule(seccomp.ALLOW, "sched_setscheduler", seccomp.Arg(1, seccomp.EQ, 0))
    if name == "compile":
        for call in FOR_COMPILERS.split():
            rules.add_rule(seccomp.ALLOW, call)
        return
    # only what is held open already can be executed, and Landlock says what may be
    rules.add_rule(seccomp.ALLOW, "execveat", seccomp.Arg(4, seccomp.EQ, AT_EMPTY_PATH))
    # abort() and the schedulers of machines signal their own threads, never by SIGKILL or SIGSTOP
    own = seccomp.Arg(0, seccomp.EQ, OWN_PID)
    rules.add_rule(seccomp.ALLOW, "tgkill", own, seccomp.Arg(2, seccomp.LE, SIGFPE))
    rules.add_rule(seccomp.ALLOW, "tgkill", own, seccomp.Arg(2, seccomp.GE, SIGTSTP))
    for number in SIGNALS_BETWEEN:
        rules.add_rule(seccomp.ALLOW, "tgkill", own, seccomp.Arg(2, seccomp.EQ, number))
    # shared memory without a file, and what grows by itself, escape the limit on writable memory
    for flags in MMAP_FLAGS:
        is_plain = seccomp.Arg(3, seccomp.MASKED_EQ, MAP_ESCAPING, flags)
        rules.add_rule(seccomp.ALLOW, "mmap", is_plain)


def export(machine: str, name: FilterName) -> tuple[bytes, bytes]:
    """Return a filter as BPF and as text; another libseccomp may order the rules otherwise."""
    rules = build(machine, name)
    with tempfile.TemporaryFile() as bpf, tempfile.TemporaryFile() as text:
        rules.export_bpf(bpf)
        rules.export_pfc(text)
        bpf.seek(0)
        text.seek(0)
        return bpf.read(), text.read()


def write_all(folder: Path) -> None:
    """Write every filter into a folder."""
    for machine in sorted(set(MACHINES.values())):
        for name in FILTER_NAMES:
            bpf, text = export(machine, name)
            (folder / f"{name}.{machine}.bpf").write_bytes(bpf)
            (folder / f"{name}.{machine}.txt").write_bytes(text)


if __name__ == "__main__":
    write_all(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
