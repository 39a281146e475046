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

from mapcoder_lite.judge.filters import FOLDER, MACHINES

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

DEADLY = """
ptrace process_vm_readv process_vm_writev process_madvise kcmp mount umount2 pivot_root unshare
setns bpf io_uring_setup io_uring_enter io_uring_register keyctl add_key request_key userfaultfd
perf_event_open kexec_load kexec_file_load init_module finit_module delete_module reboot swapon
swapoff open_by_handle_at name_to_handle_at memfd_secret pidfd_open pidfd_getfd seccomp
"""
"""No honest program asks for these: the process is killed, the verdict is SEC."""

IOCTLS = {"TCGETS": 0x5401, "FIOCLEX": 0x5451, "FIONCLEX": 0x5450, "FIONREAD": 0x541B}
IOCTLS["TIOCGWINSZ"] = 0x5413

FCNTLS = (0, 1, 2, 3, 4, 5, 6, 7, 1030, 1031, 1032, 1034)
"""Duplicates, flags, locks, pipe size, reading seals. Not F_SETOWN (8), F_SETSIG (10) and
F_SETOWN_EX (15): with O_ASYNC they make the kernel send any signal to the judge."""

CLONE_THREAD = 0x10000
CLONE_NAMESPACES = 0x7E020000
AT_EMPTY_PATH = 0x1000


def build(machine: str, *, may_exec: bool) -> Any:  # pyseccomp ships no types
    """Return the filter of one machine type; `may_exec` allows execveat of a descriptor."""
    import pyseccomp as seccomp  # pyright: ignore[reportMissingTypeStubs] -- it has none

    rules = seccomp.SyscallFilter(defaction=seccomp.ERRNO(errno.EPERM))
    arch = {"x86_64": seccomp.Arch.X86_64, "aarch64": seccomp.Arch.AARCH64}[machine]
    if arch != seccomp.system_arch():
        rules.add_arch(arch)
        rules.remove_arch(seccomp.system_arch())
    for name in ALLOWED.split():
        rules.add_rule(seccomp.ALLOW, name)
    for name in DEADLY.split():
        rules.add_rule(seccomp.KILL_PROCESS, name)
    # a clone must be a thread and may open no namespace; glibc falls back from clone3 to clone
    mask = CLONE_THREAD | CLONE_NAMESPACES
    is_thread = seccomp.Arg(0, seccomp.MASKED_EQ, mask, CLONE_THREAD)
    rules.add_rule(seccomp.ALLOW, "clone", is_thread)
    rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
    # prlimit64 reads the caller's own limits only: pid 0, no new limit
    own = seccomp.Arg(0, seccomp.EQ, 0), seccomp.Arg(2, seccomp.EQ, 0)
    rules.add_rule(seccomp.ALLOW, "prlimit64", *own)
    for number in IOCTLS.values():
        rules.add_rule(seccomp.ALLOW, "ioctl", seccomp.Arg(1, seccomp.EQ, number))
    for number in FCNTLS:
        rules.add_rule(seccomp.ALLOW, "fcntl", seccomp.Arg(1, seccomp.EQ, number))
    if may_exec:
        empty = seccomp.Arg(4, seccomp.EQ, AT_EMPTY_PATH)
        rules.add_rule(seccomp.ALLOW, "execveat", empty)
    # the default for a foreign ABI (x32, int 0x80) kills only the thread
    rules.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)
    rules.set_attr(seccomp.Attr.CTL_OPTIMIZE, 2)
    return rules


def export(machine: str, *, may_exec: bool) -> tuple[bytes, bytes]:
    """Return a filter as BPF and as text; another libseccomp may order the rules otherwise."""
    rules = build(machine, may_exec=may_exec)
    with tempfile.TemporaryFile() as bpf, tempfile.TemporaryFile() as text:
        rules.export_bpf(bpf)
        rules.export_pfc(text)
        bpf.seek(0)
        text.seek(0)
        return bpf.read(), text.read()


def write_all(folder: Path) -> None:
    """Write every filter into a folder."""
    for machine in sorted(set(MACHINES.values())):
        for name, may_exec in (("strict", False), ("exec", True)):
            bpf, text = export(machine, may_exec=may_exec)
            (folder / f"{name}.{machine}.bpf").write_bytes(bpf)
            (folder / f"{name}.{machine}.txt").write_bytes(text)


if __name__ == "__main__":
    write_all(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
