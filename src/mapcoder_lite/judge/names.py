"""What the parts of a program are called: its file, and the class that it starts in.

Knows: as much Java and Kotlin as it takes to find the classes around `main`.
Does not know: commands, compilers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mapcoder_lite.judge.languages import Toolchain
from mapcoder_lite.problem import Language

# what is left open ends with its line or the text: no compiler takes it, and nothing is read twice
_COMMENT = r"/\*.*?(?:\*/|\Z)|//[^\n]*"
_STRING = r'"(?:\\.|[^"\\\n])*"?' + r"|'(?:\\.|[^'\\\n])*'?"
_JAVA_NOT_CODE = re.compile(rf'{_COMMENT}|"""(?:\\.|.)*?(?:"""|\Z)|{_STRING}', re.S)
_KOTLIN_NOT_CODE = re.compile(rf'{_COMMENT}|""".*?(?:"""|\Z)|{_STRING}', re.S)
_PACKAGE = re.compile(r"\bpackage\s+([\w.]+)")
_FILE_CLASS = re.compile(r'@file\s*:\s*JvmName\s*\(\s*"(\w+)"')

_ANNOTATION = re.compile(r"@(?!interface\b)[\w.]+(?:\s*\((?:[^()]|\([^()]*\))*\))?")
_MODIFIERS = (
    r"(?P<modifiers>(?:(?:public|protected|private|static|final|abstract|strictfp|sealed|non-sealed"
    r"|synchronized)\s+){0,8})"
)
_JAVA_TYPE = r"(?:(?:class|@?interface|enum)\s+|record\s+(?=[\w$]+\s*[<(]))(?P<name>[\w$]+)"
_JAVA_MAIN = r"void\s+(?P<main>main)\s*\(\s*(?:final\s+)?(?:java\.lang\.)?String\b"
_JAVA_TOKEN = re.compile(rf"(?<![\w.$-]){_MODIFIERS}(?:{_JAVA_TYPE}|{_JAVA_MAIN})|[{{}}]")
_KOTLIN_TYPE = r"(?:companion\s+object|(?:class|interface|object)\s+(?P<name>\w+))"
_KOTLIN_MAIN = r"(?P<static>@JvmStatic\s+(?:\w+\s+){0,4})?fun\s+(?P<main>main)\s*\("
_KOTLIN_TOKEN = re.compile(rf"(?<![\w.])(?:{_KOTLIN_MAIN}|{_KOTLIN_TYPE})|[{{}}]")


@dataclass(frozen=True, slots=True)
class Names:
    """What the parts of one program are called."""

    source: str
    main_class: str = ""


def names_of(toolchain: Toolchain, program: str) -> Names:
    """Return the names for a program: a public Java class names its file."""
    if toolchain.language is Language.JAVA:
        return _names_of_java(_ANNOTATION.sub(" ", _JAVA_NOT_CODE.sub(" ", program)))
    if toolchain.language is Language.KOTLIN:
        return Names(toolchain.source, _main_class_of_kotlin(program))
    return Names(toolchain.source)


def _names_of_java(text: str) -> Names:
    """Where several classes have a `main`, the one that names the file comes first, then Main."""
    public, starts = "", list[str]()
    for token, around in _declarations(text, _JAVA_TOKEN):
        modifiers = token["modifiers"].split()
        if token["main"] and "static" in modifiers:
            starts.append(_joined(around))
        elif token["name"] and not around and "public" in modifiers:
            public = public or token["name"]
    first = starts[0] if starts else public or "Main"
    main_class = next((name for name in (public, "Main") if name in starts), first)
    return Names(f"{public or 'Main'}.java", _prefix(text) + main_class)


def _main_class_of_kotlin(program: str) -> str:
    """Functions outside classes are in one that the file names; those of objects may be static."""
    text = _KOTLIN_NOT_CODE.sub(" ", program)
    named = _FILE_CLASS.search(program)
    of_file, starts = named[1] if named else "MainKt", list[str]()
    for token, around in _declarations(text, _KOTLIN_TOKEN):
        if token["main"] and not around:
            return _prefix(text) + of_file
        if token["static"]:
            starts.append(_joined(around))
    return _prefix(text) + (starts[0] if starts else of_file)


def _declarations(
    text: str, token: re.Pattern[str]
) -> Iterator[tuple[re.Match[str], tuple[str, ...]]]:
    """Yield types and `main`s, each with what it stands in: types, and other braces as ''."""
    around: list[str] = []
    pending = ""
    for found in token.finditer(text):
        if found[0] == "{":
            around.append(pending)
            pending = ""
        elif found[0] == "}":
            del around[-1:]
        else:
            yield found, tuple(around)
            pending = found["name"] or ""


def _joined(around: tuple[str, ...]) -> str:
    return "$".join(filter(None, around)) or "Main"


def _prefix(text: str) -> str:
    package = _PACKAGE.search(text)
    return f"{package[1]}." if package else ""
