"""The languages that programs may be written in: one table, one row a language.

Knows: compilers, interpreters, their flags, the Debian packages that bring them, memory habits.
Does not know: how a command is run, tests, verdicts.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Language

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Toolchain:
    """How programs of one language are compiled and run.

    Commands run in a folder that holds the source. In them `{source}` is its name, `{main_class}`
    the class that a Java or Kotlin program starts in, `{memory_mb}` the memory limit in mebibytes;
    in the environment `{folder}` is that folder.
    """

    language: Language
    suffixes: tuple[str, ...]
    packages: tuple[str, ...]
    """The Debian packages that bring it."""
    tools: tuple[str, ...]
    """Executables that must be there, the one that tells the version first."""
    honest: str
    """A program that any sound toolchain compiles."""
    source: str
    """The name that the source gets, and that messages of compilers show."""
    compiler: tuple[str, ...] = ()
    published_compiler: tuple[str, ...] = ()
    """The command behind the published verdicts, where it differs."""
    artefact: str = ""
    """The one file that a compiler leaves; `*.class` files become a `main.jar`."""
    checker: tuple[str, ...] = ()
    """What says whether a program is well-formed, where nothing is compiled."""
    runner: tuple[str, ...] = ()
    """The command that runs the artefact or the source; empty for a static executable."""
    environment: tuple[tuple[str, str], ...] = ()
    published_environment: tuple[tuple[str, str], ...] | None = None
    """The environment behind the published verdicts, where it differs."""
    settings: tuple[str, ...] = ()
    """What must be readable outside the system's folders, as patterns."""
    memory_kind: Literal["address_space", "data"] = "data"
    """What is limited beside resident memory: machines with a heap of their own reserve far more
    address space than they touch."""
    memory_overhead_bytes: int = 0
    """What the machine itself takes; added to the limit on resident memory."""
    data_margin_bytes: int = 1 << 30
    """Above all that, of writable memory: what is reserved and hardly touched. Seen: node needs
    1 GB in all, Java its heap, 768 MB and the whole stack that a program asks for its thread."""
    stack_bytes: int = 64 * MEBIBYTE
    """The soft limit of the stack, which is also what each thread reserves; 0 = the sandbox's."""
    published_cpu_seconds: float = 2.0
    """The limit of the published verdicts: 2 s times a factor of the language (paper.md 1.5)."""
    out_of_memory: tuple[bytes, ...] = ()
    """What the error stream holds when memory ran out."""

    def as_published(self) -> Self:
        """Return the row behind the published verdicts; they have their own compiler besides."""
        if self.published_environment is None:
            return self
        return replace(self, environment=self.published_environment)


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
    """Return the language that a file's suffix means, in whatever case.

    Raises:
        InputError: no language has it.
    """
    for toolchain in TOOLCHAINS.values():
        if path.suffix.lower() in toolchain.suffixes:
            return toolchain.language
    known = " ".join(suffix for row in TOOLCHAINS.values() for suffix in row.suffixes)
    raise InputError(f"{path}: no language has the suffix {path.suffix!r}: expected one of {known}")


TOOL_PATH = "/usr/local/bin:/usr/bin:/bin"

_JVM = ("java", "-Xmx{memory_mb}m", "-Xss64m", "-XX:+UseSerialGC", "-XX:-UsePerfData")
_JVM_DATA_MARGIN_BYTES = 3 << 30
"""Room for a thread with a stack of Integer.MAX_VALUE bytes."""
_JAVA_SETTINGS = ("/etc/java*", "/etc/alternatives")
_JVM_OUT_OF_MEMORY = (b"java.lang.OutOfMemoryError",)
_GNU = ("-O2", "-w", "-static", "-s", "-DONLINE_JUDGE")
_PUBLISHED_C = ("-fno-optimize-sibling-calls", "-fno-strict-aliasing", "-fno-asm")
_INCLUDED = ("-include", "limits.h", "-include", "math.h")

TOOLCHAINS: dict[Language, Toolchain] = {
    row.language: row
    for row in (
        Toolchain(
            Language.PYTHON,
            suffixes=(".py",),
            packages=("python3",),
            tools=(),  # the sandbox has one or does not start
            honest="pass\n",
            source="main.py",
            memory_kind="address_space",
            stack_bytes=0,
            published_cpu_seconds=6.0,
        ),
        Toolchain(
            Language.C,
            suffixes=(".c",),
            packages=("gcc", "libc6-dev"),
            tools=("gcc", "as", "ld"),
            honest="int main(void) { return 0; }\n",
            source="main.c",
            compiler=("gcc", "-std=gnu17", *_GNU, "-o", "main", "main.c", "-lm"),
            published_compiler=(
                *("gcc", *_GNU, *_PUBLISHED_C, *_INCLUDED),
                *("-o", "main", "main.c", "-lm"),
            ),
            artefact="main",
            memory_kind="address_space",
            stack_bytes=0,
        ),
        Toolchain(
            Language.CPP,
            suffixes=(".cpp", ".cc", ".cxx"),
            packages=("g++",),
            tools=("g++", "as", "ld"),
            honest="int main() { return 0; }\n",
            source="main.cpp",
            compiler=("g++", "-std=gnu++20", *_GNU, "-o", "main", "main.cpp"),
            published_compiler=("g++", "-std=c++17", *_GNU, *_INCLUDED, "-o", "main", "main.cpp"),
            artefact="main",
            memory_kind="address_space",
            stack_bytes=0,
            out_of_memory=(b"std::bad_alloc",),
        ),
        Toolchain(
            Language.JAVA,
            suffixes=(".java",),
            packages=("default-jdk-headless",),
            tools=("java", "javac"),
            honest="class Main { public static void main(String[] a) {} }\n",
            source="Main.java",
            compiler=("javac", "-nowarn", "-encoding", "UTF-8", "-d", ".", "{source}"),
            artefact="main.jar",
            runner=(*_JVM, "-Xshare:auto", "-cp", "main.jar", "{main_class}"),
            settings=_JAVA_SETTINGS,
            memory_overhead_bytes=192 * MEBIBYTE,
            data_margin_bytes=_JVM_DATA_MARGIN_BYTES,
            published_cpu_seconds=6.0,
            out_of_memory=_JVM_OUT_OF_MEMORY,
        ),
        Toolchain(
            Language.JAVASCRIPT,
            suffixes=(".js",),
            packages=("nodejs",),
            tools=("node",),
            honest="\n",
            source="main.js",
            checker=("node", "--check", "main.js"),
            runner=("node", "--max-old-space-size={memory_mb}", "--stack-size=60000", "main.js"),
            environment=(("UV_USE_IO_URING", "0"), ("OPENSSL_CONF", "/dev/null")),
            memory_overhead_bytes=96 * MEBIBYTE,
            published_cpu_seconds=6.0,
            out_of_memory=(b"JavaScript heap out of memory",),
        ),
        Toolchain(
            Language.GO,
            suffixes=(".go",),
            packages=("golang-go",),
            tools=("go",),
            honest="package main\nfunc main() {}\n",
            source="main.go",
            compiler=("go", "build", "-o", "main", "main.go"),
            artefact="main",
            environment=(
                *(("GOCACHE", "{folder}/cache"), ("GOPATH", "{folder}/path")),
                *(("GO111MODULE", "off"), ("CGO_ENABLED", "0"), ("GOFLAGS", "-p=1")),
            ),
            memory_overhead_bytes=16 * MEBIBYTE,
            out_of_memory=(b"runtime: out of memory", b"runtime: cannot allocate memory"),
        ),
        Toolchain(
            Language.RUST,
            suffixes=(".rs",),
            packages=("rustc", "gcc", "libc6-dev"),
            tools=("rustc", "cc"),
            honest="fn main() {}\n",
            source="main.rs",
            compiler=(
                *("rustc", "--edition", "2021", "-O", "-C", "target-feature=+crt-static"),
                *("-A", "warnings", "-o", "main", "main.rs"),
            ),
            artefact="main",
            settings=("/etc/alternatives",),
            memory_kind="address_space",
            stack_bytes=0,
            out_of_memory=(b"memory allocation of",),
        ),
        Toolchain(
            Language.RUBY,
            suffixes=(".rb",),
            packages=("ruby",),
            tools=("ruby",),
            honest="\n",
            source="main.rb",
            checker=("ruby", "-c", "main.rb"),
            runner=("ruby", "main.rb"),
            # for 100,000 calls within blocks; each thread reserves as much, 20 have room
            environment=(("RUBY_THREAD_VM_STACK_SIZE", str(48 * MEBIBYTE)),),
            published_environment=(),
            stack_bytes=128 * MEBIBYTE,
            memory_overhead_bytes=32 * MEBIBYTE,
            published_cpu_seconds=6.0,
            out_of_memory=(b"failed to allocate memory (NoMemoryError)",),
        ),
        Toolchain(
            Language.PHP,
            suffixes=(".php",),
            packages=("php-cli", "php-mbstring", "php-bcmath", "php-gmp"),
            tools=("php",),
            honest="<?php\n",
            source="main.php",
            checker=("php", "-l", "main.php"),
            runner=("php", "-d", "memory_limit={memory_mb}M", "main.php"),
            settings=("/etc/php",),
            memory_overhead_bytes=32 * MEBIBYTE,
            published_cpu_seconds=6.0,
            out_of_memory=(b"Allowed memory size of", b"Out of memory"),
        ),
        Toolchain(
            Language.CSHARP,
            suffixes=(".cs",),
            packages=("mono-mcs", "mono-runtime", "libmono-system-numerics4.0-cil"),
            tools=("mcs", "mono"),
            honest="class P { static void Main() {} }\n",
            source="main.cs",
            compiler=("mcs", "-optimize+", "-r:System.Numerics", "-out:main.exe", "main.cs"),
            artefact="main.exe",
            runner=("mono", "main.exe"),
            settings=("/etc/mono",),
            memory_overhead_bytes=64 * MEBIBYTE,
            published_cpu_seconds=6.0,
            out_of_memory=(b"System.OutOfMemoryException",),
        ),
        Toolchain(
            Language.KOTLIN,
            suffixes=(".kt",),
            packages=("kotlin", "default-jdk-headless"),
            tools=("kotlinc", "java"),
            honest="fun main() {}\n",
            source="main.kt",
            compiler=(
                # its script starts the machine with an option that the machine warns of
                *("kotlinc", "-J-XX:-PrintWarnings", "-nowarn", "-include-runtime"),
                *("-d", "main.jar", "main.kt"),
            ),
            artefact="main.jar",
            runner=(*_JVM, "-Xshare:auto", "-cp", "main.jar", "{main_class}"),
            settings=_JAVA_SETTINGS,
            memory_overhead_bytes=192 * MEBIBYTE,
            data_margin_bytes=_JVM_DATA_MARGIN_BYTES,
            published_cpu_seconds=6.0,
            out_of_memory=_JVM_OUT_OF_MEMORY,
        ),
    )
}
