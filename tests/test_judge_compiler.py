"""What compilers leave, and what may go wrong around them: never a wrong verdict for a program."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.cache import Cache
from mapcoder_lite.judge.elf import memory_of
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.languages import missing_tools, toolchain_of
from mapcoder_lite.problem import Checker, Language, Limits, Test
from mapcoder_lite.verdict import Judgement, Verdict

SOURCES = Path(__file__).parents[1] / "src"
SUM = (
    '#include <stdio.h>\nint main(void) { int a, b; scanf("%d %d", &a, &b); printf("%d", a + b); }'
)
WITH_ALL = (
    "#include <bits/stdc++.h>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }"
)
TESTS = (Test(input="1 2\n", outputs=("3",)),)
HOW = {"limits": Limits(), "checker": Checker()}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def judge(cache: Path) -> Iterator[SandboxJudge]:
    with SandboxJudge(1, cache=cache) as made:
        yield made


def skip_without(language: Language) -> None:
    toolchain = toolchain_of(language)
    if missing := missing_tools(toolchain):
        pytest.skip(f"{' '.join(missing)} absent: install {' '.join(toolchain.packages)}")


def ask(judge: SandboxJudge, program: str, language: Language) -> Judgement:
    skip_without(language)
    return judge.judge(program, language, TESTS, **HOW)


@pytest.mark.parametrize("kept_bytes", [0, 10, 5000])
def test_a_damaged_cache_is_compiled_anew(
    judge: SandboxJudge, cache: Path, kept_bytes: int
) -> None:
    assert ask(judge, SUM, Language.C).is_accepted
    for path in cache.iterdir():
        path.write_bytes(path.read_bytes()[:kept_bytes])
    got = ask(judge, SUM, Language.C)
    assert (got.verdict, got.compilation.is_cached) == (Verdict.AC, False)


def test_a_damaged_precompiled_header_is_no_compile_error(cache: Path) -> None:
    with SandboxJudge(1, cache=cache) as judge:
        assert ask(judge, WITH_ALL, Language.CPP).is_accepted
    header = max(cache.iterdir(), key=lambda path: path.stat().st_size)
    header.write_bytes(header.read_bytes()[:100_000])
    with SandboxJudge(1, cache=cache) as judge:
        assert ask(judge, WITH_ALL + "// another", Language.CPP).is_accepted
        assert not header.exists()


def test_a_precompiled_header_is_used(judge: SandboxJudge) -> None:
    assert ask(judge, WITH_ALL, Language.CPP).is_accepted
    with_header = ask(judge, WITH_ALL + "// two", Language.CPP).compilation.milliseconds
    # a declaration before the header shuts it out
    without = "int before;\n" + WITH_ALL
    assert with_header < ask(judge, without, Language.CPP).compilation.milliseconds


@pytest.mark.parametrize(
    ("language", "program"),
    [
        (Language.GO, "package solution\nfunc main() {}\n"),
        (Language.RUST, '#![crate_type = "lib"]\nfn main() {}\n'),
        (
            Language.C,
            'const char i[] __attribute__((section(".interp"), used)) = "/nowhere";\n'
            "int main(void) { return 0; }\n",
        ),
    ],
)
def test_what_cannot_be_started_does_not_compile(
    judge: SandboxJudge, language: Language, program: str
) -> None:
    got = ask(judge, program, language)
    assert got.verdict is Verdict.CE, got.first_failure
    assert "no program that can be started" in got.compilation.log


def test_globals_beyond_the_limit_are_a_matter_of_memory(judge: SandboxJudge) -> None:
    program = "int a[500000000];\nint main(void) { a[1] = 1; return a[0]; }"
    assert ask(judge, program, Language.C).verdict is Verdict.MLE


def test_the_log_begins_with_the_first_error(judge: SandboxJudge) -> None:
    errors = "\n".join(f"int f{n}() {{ return undeclared_{n}; }}" for n in range(400))
    got = ask(judge, errors + "\nint main() {}", Language.CPP)
    assert got.verdict is Verdict.CE
    assert got.compilation.log.startswith("main.cpp: In function")
    assert "undeclared_0" in got.compilation.log


def test_a_compiler_killed_from_outside_is_run_again(judge: SandboxJudge) -> None:
    skip_without(Language.CPP)
    assert ask(judge, WITH_ALL, Language.CPP).compilation.is_ok  # the toolchain is sound
    num_retried = 0
    for attempt in range(5):  # a compiler that had just ended cannot be killed
        with ThreadPoolExecutor(1) as threads:
            killed = threads.submit(kill_a_compiler, deadline=time.monotonic() + 30)
            got = ask(judge, f"#include <regex>\nint x{attempt};\n{WITH_ALL}", Language.CPP)
            assert killed.result()
        assert got.verdict is Verdict.AC, got.compilation.log
        num_retried += got.num_retried
        if num_retried:
            break
    assert num_retried


def test_what_a_compiler_quotes_of_a_program_is_not_its_own_word(judge: SandboxJudge) -> None:
    for words in ("Killed signal", "ld terminated with signal 9", "no space left on device"):
        got = ask(judge, f'int main() {{ return "{words}" }}', Language.CPP)
        assert (got.verdict, got.num_retried) == (Verdict.CE, 0), got.compilation.log
        assert words in got.compilation.log


def kill_a_compiler(deadline: float) -> bool:
    """Kill the first compiler of ours that runs; whether there was one."""
    while time.monotonic() < deadline:
        for entry in Path("/proc").glob("[0-9]*/comm"):
            try:
                is_compiler = entry.read_text() == "cc1plus\n"
                if is_compiler and is_alive(entry.parent) and is_ours(entry.parent):
                    os.kill(int(entry.parent.name), 9)
                    return True
            except OSError:
                continue
        time.sleep(0.005)
    return False


def is_alive(process: Path) -> bool:
    """Whether it runs; what other tests have killed may still wait to be collected."""
    return (process / "stat").read_text().rpartition(")")[2].split()[0] != "Z"


def is_ours(process: Path) -> bool:
    """Whether a process descends from this one; other tests may compile beside it."""
    while process.name not in ("0", "1"):
        if process.name == str(os.getpid()):
            return True
        parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
        process = process.parent / parent
    return False


def test_without_room_nothing_is_called_wrong() -> None:
    skip_without(Language.C)
    if os.getuid() != 0:
        pytest.skip("only root can mount a small disk")
    code = f"""
from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.problem import *
import pathlib, os
disk = pathlib.Path(os.environ["TMPDIR"])
judge = SandboxJudge(1, tier="landlock", cache=disk / "cache")
room = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
(disk / "filler").write_bytes(bytes(room - 40_000))
how = {{"limits": Limits(), "checker": Checker()}}
try:
    print(judge.judge({SUM!r}, Language.C, [Test(input="1 2", outputs=("3",))], **how).verdict)
except SandboxError as error:
    print("refused:", error)
judge.close()
"""
    disk = tempfile.mkdtemp(prefix="small-disk-")
    Path(disk).chmod(0o755)  # for the sandbox's user
    mount = f'mount -t tmpfs -o size=4m,mode=1777 none {disk} && exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, "sh", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES), "TMPDIR": disk},
    )
    Path(disk).rmdir()
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip(done.stderr)
    assert done.stdout.startswith("refused: "), done.stdout + done.stderr
    assert "make room" in done.stdout


def test_a_cache_that_belongs_to_somebody_else_is_no_obstacle(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.write("key", b"content")
    assert cache.read("key") == b"content"
    assert cache.read("other") is None
    (tmp_path / "folder").mkdir()
    assert cache.read("folder") is None
    with pytest.raises(SandboxError, match="make room"):
        Cache(tmp_path).write("folder/no/such", b"")


def test_memory_of_executables() -> None:
    assert memory_of(b"") is None
    assert memory_of(b"\x7fELF\x02\x01" + bytes(100)) is None
    assert memory_of(Path("/bin/sh").read_bytes()) is None  # it needs a loader
    assert memory_of(b"#!/bin/sh\n") is None
