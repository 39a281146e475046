"""What the parts of a program are called: a Java program names its own file and starting class.

Knows: as much Java as it takes to find the class around `main`.
Does not know: commands, compilers.
"""

import re
from dataclasses import dataclass

from mapcoder_lite.judge.languages import Toolchain
from mapcoder_lite.problem import Language

_NOT_CODE = re.compile(
    r"/\*.*?\*/|//[^\n]*"  # comments
    r'|"""(?:\\.|.)*?"""|"(?:\\.|[^"\\\n])*"'  # strings
    r"|'(?:\\.|[^'\\\n])*'",  # characters
    re.S,
)
_PACKAGE = re.compile(r"^\s*package\s+([\w.]+)\s*;", re.M)
_TYPE = r"(?:class|interface|enum|record)\s+"
_PUBLIC_CLASS = re.compile(rf"\bpublic\s+(?:(?:final|abstract|strictfp|sealed)\s+)*{_TYPE}(\w+)")
_TOKEN = re.compile(rf"\b{_TYPE}(?P<name>\w+)|\bvoid\s+(?P<main>main)\s*\(|[{{}}]")


@dataclass(frozen=True, slots=True)
class Names:
    """What the parts of one program are called."""

    source: str
    main_class: str = ""


def names_of(toolchain: Toolchain, program: str) -> Names:
    """Return the names for a program: a public Java class names its file."""
    if toolchain.language is not Language.JAVA:
        return Names(toolchain.source)
    text = _NOT_CODE.sub(" ", program)
    public, package = _PUBLIC_CLASS.search(text), _PACKAGE.search(text)
    prefix = f"{package[1]}." if package else ""
    return Names(f"{public[1] if public else 'Main'}.java", prefix + main_class_of(text))


def main_class_of(text: str) -> str:
    """Return the class that `main` stands in, `Outer$Inner` when it is nested."""
    around: list[str] = []
    pending = ""
    for token in _TOKEN.finditer(text):
        if token["name"]:
            pending = token["name"]
        elif token["main"]:
            return "$".join(filter(None, around)) or "Main"
        elif token[0] == "{":
            around.append(pending)
            pending = ""
        elif around:
            around.pop()
    return "Main"
