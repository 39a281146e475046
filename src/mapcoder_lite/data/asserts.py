"""Test code of function tasks: a docstring's examples, who is called, answers of a reference.

Knows: Python's syntax, doctests.
Does not know: benchmarks, programs.
"""

import ast
import doctest
import json
from collections.abc import Sequence
from typing import Any  # arguments of calls

from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Test

_REFERENCE = """\
import copy as _copy
import json as _json
{definitions}
_reference = {entry_point}

def _is_close(got, wanted, tolerance):
    if isinstance(wanted, float):
        if type(got) not in (int, float):
            return False
        if got == wanted or (got != got and wanted != wanted):
            return True
        return abs(got - wanted) <= tolerance + 1e-07 * abs(wanted)
    if isinstance(wanted, (list, tuple)) and wanted and all(type(x) is float for x in wanted):
        return (
            isinstance(got, (list, tuple))
            and len(got) == len(wanted)
            and all(_is_close(a, b, tolerance) for a, b in zip(got, wanted))
        )
    return got == wanted

def check(candidate):
    for _arguments in _json.loads({arguments!r}):
        wanted = _reference(*_copy.deepcopy(_arguments))
        got = candidate(*_copy.deepcopy(_arguments))
        assert _is_close(got, wanted, {tolerance!r}), f"{{got!r}} is not {{wanted!r}}"
"""


def asserted(code: str) -> Test:
    """Return test code as a test; its outputs say nothing."""
    return Test(input=code, outputs=("",))


def asserted_all(codes: Sequence[str]) -> tuple[Test, ...]:
    """Return those pieces of test code as tests that are Python; what is not judges nothing."""
    return tuple(asserted(code) for code in codes if _is_python(code))


def samples_of(prompt: str, entry_point: str) -> tuple[Test, ...]:
    """Return the examples of a function's docstring that are doctests of calls, as assertions."""
    try:
        functions = [n for n in ast.walk(ast.parse(prompt)) if isinstance(n, ast.FunctionDef)]
        named = [node for node in functions if node.name == entry_point]
        docstring = ast.get_docstring(named[0]) if named else None
        examples = doctest.DocTestParser().get_examples(docstring or "")
    except (SyntaxError, ValueError):
        return ()
    pairs = ((one.source.strip(), one.want.strip()) for one in examples)
    return tuple(
        asserted(f"assert {call} == {wanted}")
        for call, wanted in pairs
        if called_by(call, (entry_point,)) and _is_literal(wanted)
    )


def functions_of(code: str) -> tuple[str, ...]:
    """Return the names of the functions that a program defines at its top.

    Raises:
        InputError: it is no Python.
    """
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise InputError(f"the reference program is no Python: {error}") from error
    return tuple(node.name for node in body if isinstance(node, ast.FunctionDef))


def called_by(code: str, names: Sequence[str]) -> str | None:
    """Return the first of these names that test code calls, or None."""
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError):
        return None
    called = {n.func.id for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    return next((name for name in names if name in called), None)


def compared_with(
    definitions: str, entry_point: str, arguments: Sequence[Sequence[Any]], tolerance: float
) -> Test:
    """Return a test that calls a program and a reference with the same arguments.

    Where the reference answers floats, answers within the tolerance, or 1e-7 of them, are equal.
    """
    code = _REFERENCE.format(
        definitions=definitions,
        entry_point=entry_point,
        arguments=json.dumps(arguments),
        tolerance=tolerance or 1e-6,
    )
    return asserted(code)


def _is_python(code: str) -> bool:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return True
