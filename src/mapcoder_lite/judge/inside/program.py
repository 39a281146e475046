# whatever a program raises must end in its exit code, and only streams are opened
# ruff: noqa: SIM115, T201
"""One compiled program: run as `__main__` and ended as CPython would end it.

Runs inside the sandbox: standard library only, Python >= 3.9.

Knows: what a program can notice of `python main.py`.
Does not know: limits, inputs, outputs, the host.
"""

from __future__ import annotations

import atexit
import builtins
import gc
import linecache
import os
import sys
import threading
import traceback
import types
from typing import Any

PATH = "/box/main.py"
MODULE_NAME = "program"
"""Of a program whose functions are called: what it does only as a script is not wanted then."""


def preload(names: list[str]) -> None:
    """Import what contest programs import; no module may add work to every fork."""
    real = os.register_at_fork
    os.register_at_fork = _no_hook  # `random` would reseed: 0.6 ms a run
    try:
        for name in names:
            __import__(name)
    finally:
        os.register_at_fork = real


def _no_hook(**_hooks: object) -> None:
    pass


def dress_interpreter() -> dict[str, Any]:  # any program's names
    """Make this interpreter look as `python main.py` does to a program."""
    import random
    from _sitebuiltins import Quitter

    random.seed(0)
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
    stdin = open(0, encoding="utf-8", closefd=False)
    stdout = open(1, "w", encoding="utf-8", closefd=False)
    stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
    sys.stdin, sys.stdout, sys.stderr = stdin, stdout, stderr
    for name, stream in (("stdin", stdin), ("stdout", stdout), ("stderr", stderr)):
        setattr(sys, f"__{name}__", stream)


class Program:
    """Compiled code and how to run it to the end that CPython would give it."""

    def __init__(self, source: bytes, optimize: int, main: dict[str, Any]) -> None:
        self.code = compile(source, PATH, "exec", dont_inherit=True, optimize=optimize)
        self.needs_clear = any(word in source for word in (b"open", b"__del__", b"IO"))
        self.main = main
        lines = source.decode("utf-8", "replace").splitlines(True)
        linecache.cache[PATH] = (len(source), None, lines, PATH)

    def run(self, *, has_site: bool) -> None:
        """Run as `__main__` and end the process; without site there is no exit() or quit()."""
        if not has_site:
            del builtins.exit, builtins.quit
        gc.enable()
        code = 1
        try:
            exec(self.code, self.main)
            code = 0
        except SystemExit as error:
            code = exit_code(error.code)
        except BaseException as error:
            report(error)
        self.finish(code)

    def finish(self, code: int) -> None:
        """Do what Py_Finalize does that a program can notice."""
        try:
            if threading.active_count() > 1:
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
        os._exit(code or flush_streams())

    def define(self) -> None:
        """Run as a module that is not `__main__`; end the process if that raises anything."""
        gc.enable()
        self.main["__name__"] = MODULE_NAME
        sys.modules[MODULE_NAME] = sys.modules["__main__"]
        try:
            exec(self.code, self.main)
        except BaseException as error:
            report(error)
            os._exit(1)


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
