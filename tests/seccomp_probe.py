"""Make single system calls under a filter and say what each met; a process of its own.

Reads JSON from stdin: the filter as base64 and a list of calls, each a number and six arguments.
Prints a list: the error number of each call (0 when it succeeded), or minus the ending signal.

Knows: how to fork, install a filter and call.
Does not know: which answer is right.
"""

import base64
import ctypes
import json
import os
import signal
import sys

from mapcoder_lite.judge.inside.kernel import PR_SET_NO_NEW_PRIVS, Filter, prctl

NOBODY = 65534
OWN_PID = 0x7EADBEEF  # as the filters write the number of the process they are installed in


def answer(program: bytes, number: int, arguments: list[int]) -> int:
    """What one call met, in a process that is lost by it."""
    pid = os.fork()
    if pid == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        own = [os.getpid() if argument == OWN_PID else argument for argument in arguments]
        words = [ctypes.c_ulong(argument & (1 << 64) - 1) for argument in own]
        signal.alarm(1)  # a call that waits was let through; the signal says so
        Filter(program).install()
        failed = libc.syscall(ctypes.c_long(number), *words) == -1
        os._exit(ctypes.get_errno() if failed else 0)
    _, status = os.waitpid(pid, 0)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def main() -> None:
    asked = json.load(sys.stdin)
    program = base64.b64decode(asked["filter"])
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    json.dump(
        [answer(program, number, arguments) for number, arguments in asked["calls"]], sys.stdout
    )


if __name__ == "__main__":
    main()
