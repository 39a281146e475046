"""The languages that programs may be written in: one table, one row a language.

Knows: compilers, interpreters, their flags, the Debian packages that bring them, memory habits.
Does not know: how a command is run, tests, verdicts.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Language

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Toolchain:
    """How programs of one language are compiled and run.

    In commands `{memory_mb}` is the memory limit in mebibytes. A compiler runs in a folder that
    holds the source under its name; what it must leave there is the artefact.
    """

    language: Language
    suffixes: tuple[str, ...]
    source: str
    """The name that the source gets, and that messages of compilers show."""
    packages: tuple[str, ...]
    """The Debian packages that bring it."""
    tools: tuple[str, ...]
    """Executables that must be there, the one that tells the version first."""
    compiler: tuple[str, ...] = ()
    published_compiler: tuple[str, ...] = ()
    """The command behind the published verdicts, where it differs."""
    artefact: str = ""
    """The file that a compiler leaves; the source itself where there is no compiler."""
    runner: tuple[str, ...] = ()
    """The command that runs the artefact; empty when it is itself a static executable."""
    memory_kind: Literal["address_space", "data"] = "data"
    """What is limited beside resident memory: machines with a heap of their own reserve far more
    address space than they touch."""
    memory_overhead_bytes: int = 0
    """What the machine itself takes; added to the limit on resident memory."""
    published_cpu_seconds: float = 2.0
    """The limit behind the published verdicts: 2 s times a factor of the language (paper.md 1.5)."""
    out_of_memory: tuple[bytes, ...] = ()
    """What the machine prints last, or near it, when memory ran out."""


def missing_tools(toolchain: Toolchain) -> tuple[str, ...]:
    """Return the executables of a language that are not here."""
    return tuple(tool for tool in toolchain.tools if find_tool(tool) is None)


def find_tool(name: str) -> str | None:
    """Return where a tool of the system lies; a user's own folders are closed to the sandbox."""
    return shutil.which(name, path=TOOL_PATH)


def toolchain_of(language: Language) -> Toolchain:
    """Return the row of a language."""
    return TOOLCHAINS[language]


def language_of(path: Path) -> Language:
    """Return the language that a file's suffix means.

    Raises:
        InputError: no language has it.
    """
    for toolchain in TOOLCHAINS.values():
        if path.suffix in toolchain.suffixes:
            return toolchain.language
    known = " ".join(suffix for row in TOOLCHAINS.values() for suffix in row.suffixes)
    raise InputError(f"{path}: no language has the suffix {path.suffix!r}: expected one of {known}")


TOOL_PATH = "/usr/local/bin:/usr/bin:/bin"

_JVM = ("-Xmx{memory_mb}m", "-Xss64m", "-XX:+UseSerialGC", "-Xshare:auto", "-XX:-UsePerfData")
_JVM_OUT_OF_MEMORY = (b"java.lang.OutOfMemoryError",)
_GNU = ("-O2", "-w", "-static", "-s", "-DONLINE_JUDGE")
_PUBLISHED_GNU = ("-fno-optimize-sibling-calls", "-fno-strict-aliasing", "-fno-asm")
_INCLUDED = ("-include", "limits.h", "-include", "math.h")

TOOLCHAINS: dict[Language, Toolchain] = {
    row.language: row
    for row in (
        Toolchain(
            Language.PYTHON,
            suffixes=(".py",),
            source="main.py",
            packages=("python3",),
            tools=(),  # the sandbox has one or does not start
            memory_kind="address_space",
            published_cpu_seconds=6.0,
        ),
        Toolchain(
            Language.C,
            suffixes=(".c",),
            source="main.c",
            packages=("gcc", "libc6-dev"),
            tools=("gcc", "as", "ld"),
            compiler=("gcc", "-std=gnu17", *_GNU, "-o", "main", "main.c", "-lm"),
            published_compiler=(
                *("gcc", *_GNU, *_PUBLISHED_GNU, *_INCLUDED),
                *("-o", "main", "main.c", "-lm"),
            ),
            artefact="main",
            memory_kind="address_space",
        ),
        Toolchain(
            Language.CPP,
            suffixes=(".cpp", ".cc", ".cxx"),
            source="main.cpp",
            packages=("g++",),
            tools=("g++", "as", "ld"),
            compiler=("g++", "-std=gnu++20", *_GNU, "-o", "main", "main.cpp"),
            published_compiler=("g++", "-std=c++17", *_GNU, *_INCLUDED, "-o", "main", "main.cpp"),
            artefact="main",
            memory_kind="address_space",
            out_of_memory=(b"std::bad_alloc",),
        ),
        Toolchain(
            Language.JAVA,
            suffixes=(".java",),
            source="Main.java",
            packages=("default-jdk-headless",),
            tools=("java", "javac"),
            compiler=("javac", "-nowarn", "-encoding", "UTF-8", "-d", ".", "Main.java"),
            artefact="Main.class",
            runner=("java", *_JVM, "-cp", ".", "Main"),
            memory_overhead_bytes=192 * MEBIBYTE,
            published_cpu_seconds=6.0,
            out_of_memory=_JVM_OUT_OF_MEMORY,
        ),
        Toolchain(
            Language.JAVASCRIPT,
            suffixes=(".js",),
            source="main.js",
            packages=("nodejs",),
            tools=("node",),
            compiler=("node", "--check", "main.js"),
            artefact="main.js",
            runner=("node", "--max-old-space-size={memory_mb}", "--stack-size=65500", "main.js"),
            memory_overhead_bytes=96 * MEBIBYTE,
            published_cpu_seconds=6.0,
            out_of_memory=(b"JavaScript heap out of memory",),
        ),
        Toolchain(
            Language.GO,
            suffixes=(".go",),
            source="main.go",
            packages=("golang-go",),
            tools=("go",),
            compiler=("go", "build", "-o", "main", "main.go"),
            artefact="main",
            memory_overhead_bytes=16 * MEBIBYTE,
            out_of_memory=(b"runtime: out of memory", b"cannot allocate memory"),
        ),
        Toolchain(
            Language.RUST,
            suffixes=(".rs",),
            source="main.rs",
            packages=("rustc", "gcc", "libc6-dev"),
            tools=("rustc", "gcc"),
            compiler=(
                *("rustc", "--edition", "2021", "-O", "-C", "target-feature=+crt-static"),
                *("-A", "warnings", "-o", "main", "main.rs"),
            ),
            artefact="main",
            memory_kind="address_space",
            out_of_memory=(b"memory allocation of",),
        ),
        Toolchain(
            Language.RUBY,
            suffixes=(".rb",),
            source="main.rb",
            packages=("ruby",),
            tools=("ruby",),
            compiler=("ruby", "-c", "main.rb"),
            artefact="main.rb",
            runner=("ruby", "main.rb"),
            memory_overhead_bytes=32 * MEBIBYTE,
            published_cpu_seconds=6.0,
            out_of_memory=(b"failed to allocate memory (NoMemoryError)",),
        ),
        Toolchain(
            Language.PHP,
            suffixes=(".php",),
            source="main.php",
            packages=("php-cli",),
            tools=("php",),
            compiler=("php", "-n", "-l", "main.php"),
            artefact="main.php",
            runner=("php", "-n", "-d", "memory_limit={memory_mb}M", "main.php"),
            memory_overhead_bytes=32 * MEBIBYTE,
            published_cpu_seconds=6.0,
            out_of_memory=(b"Allowed memory size of",),
        ),
        Toolchain(
            Language.CSHARP,
            suffixes=(".cs",),
            source="main.cs",
            packages=("mono-mcs", "mono-runtime", "libmono-system-numerics4.0-cil"),
            tools=("mcs", "mono"),
            compiler=("mcs", "-optimize+", "-r:System.Numerics", "-out:main.exe", "main.cs"),
            artefact="main.exe",
            runner=("mono", "main.exe"),
            memory_overhead_bytes=64 * MEBIBYTE,
            published_cpu_seconds=6.0,
            out_of_memory=(b"System.OutOfMemoryException",),
        ),
        Toolchain(
            Language.KOTLIN,
            suffixes=(".kt",),
            source="main.kt",
            packages=("kotlin", "default-jdk-headless"),
            tools=("kotlinc", "java"),
            compiler=("kotlinc", "-nowarn", "-include-runtime", "-d", "main.jar", "main.kt"),
            artefact="main.jar",
            runner=("java", *_JVM, "-jar", "main.jar"),
            memory_overhead_bytes=192 * MEBIBYTE,
            published_cpu_seconds=6.0,
            out_of_memory=_JVM_OUT_OF_MEMORY,
        ),
    )
}
