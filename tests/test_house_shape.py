"""The house keeps its shape: small functions, small files, heads that say what a room knows.

Knows: the rules of shape.
Does not know: what the code does.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from source_tree import functions, name_of, proofs, sources, tree
from test_house_doors import DOORS, breaches, is_open

MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 400

DRAWERS = {"util", "utils", "common", "helper", "helpers", "base", "manager", "factory", "misc"}

CATCHES_ALL = {
    "engine/batching.py": "a dead thread would leave callers waiting; each gets the fault",
    "server/service.py": "a bug in one run must not end the others; it is logged whole",
    "server/tools.py": "a bug in one call is told as that tool's error; it is logged whole",
    "server/lane.py": "goes to whoever waits for the job",
    "runner.py": "a unit that fails through the house's fault is counted, not the end of the run",
    "training/backbone.py": "libraries raise Exception itself over a broken file; it is refused",
    "judge/inside/template.py": "a judged program may raise anything",
    "judge/inside/program.py": "a judged program may raise anything",
    "judge/inside/calls.py": "a judged program's function may raise anything",
    "judge/inside/examine.py": "the code of a test may raise anything",
}

UNTYPED_ROOMS = DOORS["models"]


def test_a_module_says_what_it_is_for_and_what_it_knows() -> None:
    faults = [
        f"{name_of(path)}: {fault}"
        for path in sources()
        for fault in _head_faults(ast.get_docstring(tree(path)) or "")
    ]
    assert not faults, "\n".join(faults)


def _head_faults(docstring: str) -> Iterator[str]:
    lines = [line.strip() for line in docstring.splitlines()]
    if not lines or not lines[0]:
        yield "no first line that says what it is for"
    if not any(line.startswith("Knows:") for line in lines):
        yield "no `Knows:` line"
    if not any(line.startswith("Does not know:") for line in lines):
        yield "no `Does not know:` line"


def test_functions_are_short() -> None:
    long = [
        f"{name_of(path)}:{function.lineno} {function.name}: {length} lines"
        for path in [*sources(), *proofs()]
        for function in functions(tree(path))
        if (length := (function.end_lineno or function.lineno) - function.lineno + 1)
        > MAX_FUNCTION_LINES
    ]
    assert not long, "\n".join(long)


def test_files_are_short() -> None:
    long = [
        f"{name_of(path)}: {length} lines"
        for path in [*sources(), *proofs()]
        if (length := path.read_text(encoding="utf-8").count("\n")) > MAX_FILE_LINES
    ]
    assert not long, "\n".join(long)


def test_nothing_is_a_drawer() -> None:
    files = [name_of(path) for path in [*sources(), *proofs()] if DRAWERS & set(_words(path.stem))]
    folders = [name_of(path.parent) for path in sources() if path.parent.name in DRAWERS]
    classes = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and node.name.endswith(("Manager", "Factory", "Helper"))
    ]
    drawers = files + folders + classes
    assert not drawers, "\n".join(drawers)


def _words(stem: str) -> list[str]:
    return stem.lower().split("_")


def test_no_test_asserts_nothing() -> None:
    empty = [
        f"{name_of(path)}:{function.lineno} {function.name}"
        for path in proofs()
        for function in functions(tree(path))
        if function.name.startswith("test_") and not _proves(function, tree(path))
    ]
    assert not empty, "\n".join(empty)


def _proves(function: ast.AST, module: ast.Module) -> bool:
    """Whether it asserts, expects an exception, or calls a function of its file that does."""
    called = {
        node.func.id
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    proving = {other.name for other in functions(module) if _asserts(other)}
    return _asserts(function) or bool(called & proving)


def _asserts(function: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Attribute | ast.Name) and _last_name(node) in {"raises", "warns"})
        for node in ast.walk(function)
    )


def _last_name(node: ast.Attribute | ast.Name) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id


@pytest.mark.parametrize(
    ("code", "proves"),
    [
        ("def test_a():\n    assert f()", True),
        ("def test_a():\n    with pytest.raises(ValueError):\n        f()", True),
        ("def same(a):\n    assert a\ndef test_a():\n    same(1)", True),
        ("def test_a():\n    f()", False),
        ("def test_a():\n    pass", False),
    ],
)
def test_a_proof_is_told_from_a_call(code: str, proves: bool) -> None:
    module = ast.parse(code)
    test = next(function for function in functions(module) if function.name == "test_a")
    assert _proves(test, module) is proves


def test_only_the_runner_and_the_worker_catch_everything() -> None:
    blanket = [
        f"{name_of(path)}:{node.lineno}"
        for path in sources()
        if name_of(path) not in CATCHES_ALL
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and _catches_all(node)
    ]
    assert not blanket, "\n".join(blanket)


def _catches_all(handler: ast.ExceptHandler) -> bool:
    """Whether it swallows anything; who tidies up and raises again swallows nothing."""
    if isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None:
        return False
    caught = [handler.type]
    if isinstance(handler.type, ast.Tuple):
        caught = list(handler.type.elts)
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"})
        for kind in caught
    )


def test_nothing_is_patched() -> None:
    patching = [
        f"{name_of(path)}:{number}"
        for path in proofs()
        for number, line in enumerate(_code_lines(path), start=1)
        if re.search(
            r"\bunittest\.mock\b|\bimport mock\b|\bmonkeypatch\.setattr\b|\bmocker\b", line
        )
    ]
    assert not patching, "\n".join(patching)


def _code_lines(path: Path) -> list[str]:
    return [] if path == Path(__file__) else path.read_text(encoding="utf-8").splitlines()


def test_a_silenced_checker_gives_its_reason() -> None:
    bare = [
        f"{name_of(path)}:{number} {line.strip()}"
        for path in sources()
        for number, line in enumerate(_code_lines(path), start=1)
        if re.search(r"#\s*(type|pyright):\s*ignore(\[[^\]]*\])?\s*$", line)
    ]
    assert not bare, "\n".join(bare)


def test_types_are_loose_only_where_tensors_live() -> None:
    loose = [
        name_of(path)
        for path in sources()
        if any(re.match(r"#\s*pyright:\s*(basic|standard)", line) for line in _code_lines(path))
    ]
    strangers = [
        file
        for path in sources()
        if (file := name_of(path)) in loose
        and not (is_open(UNTYPED_ROOMS, file) and list(breaches(UNTYPED_ROOMS, tree(path))))
    ]
    assert not strangers, "\n".join(strangers)
