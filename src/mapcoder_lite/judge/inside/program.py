# whatever a program raises must end in its exit code, and only streams are opened
# ruff: noqa: SIM115, T201
"""One compiled program: run as `__main__` and ended as CPython would end it.

Runs inside the sandbox: standard library only, Python >= 3.9.

Knows: what a program can notice of `python main.py`.
Does not know: limits, inputs, outputs, the host.
"""

from __future__ import annotations

import _thread
import atexit
import builtins
import gc
import linecache
import os
import posix
import sys
import threading
import traceback
import types
from typing import Any

PATH = "/box/main.py"
REHEARSALS = 20
"""CPython writes into code until it has run often enough: pages that each run would copy."""
REHEARSED = b"""
import sys
print(sum(map(int, input().split())))
for line in sys.stdin.readlines():
    print(line, end="")
"""
MODULE_NAME = "program"
"""Of a program whose functions are called: what it does only as a script is not wanted then."""


def preload(names: list[str], packages: str) -> None:
    """Import what contest programs import, while no module can add work to every fork."""
    sys.path.append(packages)
    for name in names:
        __import__(name)
    sys.path.remove(packages)
    os.register_at_fork = posix.register_at_fork  # the real one; see BOOT


def dress_interpreter() -> dict[str, Any]:  # any program's names
    """Make this interpreter look as `python main.py` does to a program."""
    import random
    from _sitebuiltins import Quitter

    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    os.environ.clear()
    os.environ["PATH"] = "/usr/bin:/bin"
    sys.argv = [PATH]
    sys.orig_argv = ["python3", PATH]
    sys.path[:] = [path for path in sys.path if path]
    builtins.exit = Quitter("exit", "Ctrl-D (i.e. EOF)")
    builtins.quit = Quitter("quit", "Ctrl-D (i.e. EOF)")
    # the stack limit is 256 MB for deep recursion; a thread must not reserve as much
    threading.stack_size(8 << 20)
    dress_streams()
    main = types.ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, __file__=PATH)
    sys.modules["__main__"] = main
    return main.__dict__


def dress_streams() -> None:
    """Make the text streams before any fork, where they cost 95 page faults fewer a run."""
    # as CPython opens them under C.UTF-8: carriage returns and stray bytes stay what they are
    stdin = open(0, encoding="utf-8", errors="surrogateescape", newline="\n", closefd=False)
    stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", newline="\n", closefd=False)
    stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
    sys.stdin, sys.stdout, sys.stderr = stdin, stdout, stderr
    for name, stream in (("stdin", stdin), ("stdout", stdout), ("stderr", stderr)):
        stream.buffer.raw.name = f"<{name}>"  # pyright: ignore -- what CPython sets
        setattr(sys, f"__{name}__", stream)


class Program:
    """Compiled code and how to run it to the end that CPython would give it."""

    def __init__(self, source: bytes, optimize: int, main: dict[str, Any]) -> None:
        self.code = compile(source, PATH, "exec", dont_inherit=True, optimize=optimize)
        self.needs_clear = b"open" in source or b"__del__" in source or b"IO" in source
        self.main = main
        self.source = source
        linecache.cache[PATH] = (self.text,)  # called when a traceback needs it

    def text(self) -> str:
        """The source as tracebacks show it."""
        return self.source.decode("utf-8", "replace")

    def run(self, *, has_site: bool) -> None:
        """Run as `__main__` and end the process; without site there is no exit() or quit()."""
        if not has_site:
            del builtins.exit, builtins.quit
        os._exit(self.finish(self.execute()))

    def execute(self) -> int:
        """Run as `__main__`; return the exit code so far."""
        code = 1
        try:
            exec(self.code, self.main)
            code = 0
        except SystemExit as error:
            code = exit_code(error.code)
        except BaseException as error:
            report(error)
        return code

    def finish(self, code: int) -> int:
        """Do what Py_Finalize does that a program can notice; return the exit code."""
        try:
            if _thread._count():  # pyright: ignore -- cheaper to ask from a fresh fork
                threading._shutdown()  # pyright: ignore -- what CPython calls
        except BaseException:
            code = code or 1
        try:
            atexit._run_exitfuncs()  # pyright: ignore -- what CPython calls
            if self.needs_clear:
                self.main.clear()
                gc.collect()
        except BaseException:
            code = code or 1
        flushed = flush_streams()  # also after a failure
        return code or flushed

    def define(self) -> None:
        """Run as a module that is not `__main__`; end the process if that raises anything."""
        self.main["__name__"] = MODULE_NAME
        sys.modules[MODULE_NAME] = sys.modules["__main__"]
        try:
            exec(self.code, self.main)
        except BaseException as error:
            report(error)
            os._exit(1)


def rehearse() -> None:
    """Do what most programs do, before any fork: each run then copies 50 pages fewer."""
    streams = sys.stdin, sys.stdout
    for _ in range(REHEARSALS):
        program = Program(REHEARSED, 0, {"__builtins__": builtins})
        memory = os.memfd_create("rehearsal")
        os.pwrite(memory, b"1 2\n3 4\n", 0)
        sys.stdin = open(memory, encoding="utf-8", closefd=False)
        sys.stdout = open(memory, "w", encoding="utf-8", closefd=False)
        program.finish(program.execute())
        os.close(memory)
    sys.stdin, sys.stdout = streams
    del linecache.cache[PATH]


def flush_streams() -> int:
    """Flush what was printed; return CPython's exit code for when that fails, else 0."""
    code = 0
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except BaseException:
            code = 120
    return code


def exit_code(value: object) -> int:
    """The exit status that CPython gives to SystemExit(value)."""
    if value is None:
        return 0
    if isinstance(value, int):
        return value & 0xFF
    try:
        print(value, file=sys.stderr)
    except BaseException:
        return 1
    return 1


def report(error: BaseException) -> None:
    """Print a traceback without our own frame; memory may be too short for it."""
    try:
        if sys.excepthook is sys.__excepthook__:
            tb = error.__traceback__ and error.__traceback__.tb_next
            traceback.print_exception(type(error), error, tb)
        else:
            sys.excepthook(type(error), error, error.__traceback__)
    except BaseException:
        pass
    if isinstance(error, MemoryError):
        os.write(2, b"MemoryError\n")
