"""Programs compared by what they say rather than by how they are laid out.

Knows: Python's syntax trees, white space, constants that a program prints.
Does not know: trajectories, what sameness means for an attempt.
"""

import ast
import re
import warnings
from collections.abc import Iterable, Iterator

from mapcoder_lite.problem import Language

_INPUT = frozenset({"input", "stdin", "open", "fileinput", "read"})
"""Names without one of which a Python program reads nothing."""
_OUTPUT = frozenset({"print", "write", "writelines"})
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_FEW_DIGITS = 2


def normal_form(program: str, language: Language) -> str:
    """Return a text that is the same for programs that differ in layout and comments alone.

    Python is compared by its syntax tree; what does not parse, and other languages, by the words
    between white space.
    """
    tree = _tree(program) if language is Language.PYTHON else None
    return " ".join(program.split()) if tree is None else _dumped(tree) or " ".join(program.split())


def is_hard_coded(program: str, language: Language, outputs: Iterable[str]) -> bool:
    """Whether a program prints the samples' outputs as constants; only Python is looked at.

    It does if it prints every telling output as one constant and there is one, or if it reads no
    input and prints any output. Telling is what a right program hardly holds by itself: several
    words, or a number of two digits or more. `Yes`, `-1` and `0` tell nothing. (A right program may
    print a telling constant too: this is evidence, no proof.)
    """
    tree = _tree(program) if language is Language.PYTHON else None
    if tree is None:
        return False
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    names |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    names |= {a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names}
    printed = {_words(text) for text in _printed(tree)}
    wanted = {_words(output) for output in outputs} - {""}  # a function need not print anything
    if not names & _INPUT:
        return bool(wanted & printed)
    telling = {output for output in wanted if _is_telling(output)}
    return bool(telling) and telling <= printed


def _tree(program: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the program's own escapes and comparisons
            return ast.parse(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _dumped(tree: ast.Module) -> str | None:
    try:
        return ast.dump(tree)
    except RecursionError:
        return None


def _printed(tree: ast.Module) -> Iterator[str]:
    """Yield the constants that stand as arguments of what prints, joined where they are several."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node.func) in _OUTPUT:
            constants = [a.value for a in node.args if isinstance(a, ast.Constant)]
            if constants and len(constants) == len(node.args):
                yield " ".join(map(str, constants))


def _called(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _is_telling(output: str) -> bool:
    words = output.split()
    if len(words) > 1:
        return True
    return bool(words) and _NUMBER.fullmatch(words[0]) is not None and _digits(words[0])


def _digits(word: str) -> bool:
    return sum(letter.isdigit() for letter in word) >= _FEW_DIGITS


def _words(text: str) -> str:
    return " ".join(text.split())
