"""The repository's own Python files as syntax trees, for the house tests.

Knows: where the files lie, which names a file uses.
Does not know: the rules.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "mapcoder_lite"


def sources() -> list[Path]:
    """Every module of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def proofs() -> list[Path]:
    """Every file of the tests and benchmarks."""
    return sorted([*(ROOT / "tests").glob("*.py"), *(ROOT / "benchmarks").glob("*.py")])


@cache
def tree(path: Path) -> ast.Module:
    """Parse one file."""
    text = path.read_text(encoding="utf-8")
    try:
        return ast.parse(text, filename=str(path))
    except SystemError:  # CPython 3.11 counts depth across threads: another one parsed meanwhile
        return ast.parse(text, filename=str(path))


def name_of(path: Path) -> str:
    """Say a file as the house says it: `judge/zygote.py`, `tests/test_store.py`."""
    return path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else ROOT).as_posix()


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method, also nested ones."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def names_used(module: ast.Module) -> Iterator[tuple[str, int]]:
    """Each imported thing by its full dotted name, and each builtin called, with its line.

    `import os as o; o.environ.get` yields `os` and `os.environ.get`; so does `from os import
    environ`. `importlib.import_module("torch")` counts as an import.
    """
    aliases: dict[str, str] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                aliases[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield f"{node.module}.{alias.name}", node.lineno
    for node in ast.walk(module):
        if name := _name_at(node, aliases):
            yield name, getattr(node, "lineno", 0)


def _name_at(node: ast.AST, aliases: dict[str, str]) -> str | None:
    match node:
        case ast.Call(func=ast.Name(id=builtin)) if builtin not in {*aliases, "__import__"}:
            return builtin
        case ast.Call():
            return _imported_by_name(node, aliases)
        case ast.Attribute():
            return _dotted(node, aliases)
        case ast.Name(id=alias):
            return aliases.get(alias)
    return None


def _dotted(node: ast.expr, aliases: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return aliases.get(node.id)  # a name that is not imported is a variable
    if isinstance(node, ast.Attribute) and (owner := _dotted(node.value, aliases)):
        return f"{owner}.{node.attr}"
    return None


def _imported_by_name(call: ast.Call, aliases: dict[str, str]) -> str | None:
    match call:
        case ast.Call(func=ast.Name(id="__import__"), args=[ast.Constant(value=str(module)), *_]):
            return module
        case ast.Call(func=function, args=[ast.Constant(value=str(module)), *_]):
            return module if _dotted(function, aliases) == "importlib.import_module" else None
    return None
