"""Programs of every language: compiled, cached, run, limited, confined; toolchains that fail."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mapcoder_lite.errors import InputError, SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.known import PROGRAMS
from mapcoder_lite.judge.languages import TOOLCHAINS, language_of, missing_tools, toolchain_of
from mapcoder_lite.problem import Checker, CheckerKind, Language, Limits, Test
from mapcoder_lite.verdict import Judgement, Verdict

SOURCES = Path(__file__).parents[1] / "src"
TESTS = (Test(input="add 1 2\n", outputs=("3",)), Test(input="add 40 2\n", outputs=("42",)))
LIMITS = Limits(cpu_seconds=2.0, memory_bytes=128 << 20, output_bytes=1 << 20)
OTHERS = [language for language in Language if language is not Language.PYTHON]
SUMS = {toolchain_of(language).suffixes[0]: language for language in OTHERS}


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def judge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SandboxJudge]:
    cache = tmp_path_factory.mktemp("cache")
    try:
        made = SandboxJudge(1, tier=request.param, cache=cache)
    except SandboxError as error:
        pytest.skip(str(error))
    with made:
        yield made


def skip_without(language: Language) -> None:
    toolchain = toolchain_of(language)
    if missing := missing_tools(toolchain):
        pytest.skip(f"{' '.join(missing)} absent: install {' '.join(toolchain.packages)}")


def ask(
    judge: SandboxJudge, program: str, language: Language, limits: Limits = LIMITS
) -> Judgement:
    return judge.judge(program, language, TESTS, limits=limits, checker=Checker())


def sum_of(language: Language) -> str:
    return (PROGRAMS / toolchain_of(language).source).read_text(encoding="utf-8")


@pytest.mark.parametrize("language", OTHERS)
def test_a_program_of_every_language_is_judged(judge: SandboxJudge, language: Language) -> None:
    skip_without(language)
    got = ask(judge, sum_of(language), language)
    assert got.verdict is Verdict.AC, (got.compilation.log, got.first_failure)
    assert got.num_passed == 2
    assert got.isolation.tier == judge.isolation.tier
    for run in got.results:
        assert run.cpu_ms > 0
        assert run.rss_kb > 1000
        assert run.stderr_tail == ""


@pytest.mark.parametrize("language", OTHERS)
def test_what_no_compiler_takes_is_a_compile_error(judge: SandboxJudge, language: Language) -> None:
    skip_without(language)
    broken = "<?php if (" if language is Language.PHP else "this is ) no program {\n"
    got = ask(judge, broken, language)
    assert got.verdict is Verdict.CE
    assert toolchain_of(language).source.removesuffix(".java").lower() in (
        got.compilation.log.lower()
    )
    assert "VM warning" not in got.compilation.log
    assert got.results == ()


def test_what_was_compiled_is_not_compiled_again(judge: SandboxJudge) -> None:
    skip_without(Language.C)
    program = sum_of(Language.C) + "/* once */\n"
    assert not ask(judge, program, Language.C).compilation.is_cached
    assert ask(judge, program, Language.C).compilation.is_cached
    assert not ask(judge, program + "\n", Language.C).compilation.is_cached
    published = judge.judge(
        program, Language.C, TESTS, limits=LIMITS, checker=Checker(kind=CheckerKind.EXECEVAL)
    )
    assert published.verdict is Verdict.AC
    assert not published.compilation.is_cached  # other flags, another artefact


def test_a_precompiled_header_serves_all_programs(judge: SandboxJudge) -> None:
    skip_without(Language.CPP)
    program = "#include <bits/stdc++.h>\nint main() { std::string s; int a, b; "
    program += "std::cin >> s >> a >> b; std::cout << a + b << '\\n'; }"
    first = ask(judge, program, Language.CPP)
    second = ask(judge, program + "// another", Language.CPP)
    assert (first.verdict, second.verdict) == (Verdict.AC, Verdict.AC)
    assert not second.compilation.is_cached
    assert second.compilation.milliseconds < first.compilation.milliseconds


def test_php_has_its_extensions(judge: SandboxJudge) -> None:
    skip_without(Language.PHP)
    program = "<?php fscanf(STDIN, '%s %d %d', $w, $a, $b); if (ctype_digit('1')) echo $a + $b;"
    assert ask(judge, program, Language.PHP).verdict is Verdict.AC


def test_a_missing_toolchain_is_a_fault_of_the_judge() -> None:
    row = toolchain_of(Language.GO)
    toolchains = {**TOOLCHAINS, Language.GO: replace(row, tools=("no-such-compiler",))}
    with SandboxJudge(1, toolchains=toolchains) as judge:
        got = ask(judge, sum_of(Language.GO), Language.GO)
        assert got.verdict is Verdict.IE
        assert "no-such-compiler" in got.compilation.log
        assert "install golang-go" in got.compilation.log


def test_a_broken_toolchain_never_calls_a_program_wrong(tmp_path: Path) -> None:
    skip_without(Language.C)
    row = replace(toolchain_of(Language.C), compiler=("gcc", "--no-such-flag", "main.c"))
    script = replace(toolchain_of(Language.PYTHON), checker=("gcc", "--no-such-flag"))
    script = replace(script, language=Language.RUBY, tools=("gcc",), runner=("gcc",))
    toolchains = {**TOOLCHAINS, Language.C: row, Language.RUBY: script}
    with SandboxJudge(1, cache=tmp_path, toolchains=toolchains) as judge:
        for language in (Language.C, Language.RUBY):
            with pytest.raises(SandboxError, match="compiles nothing here"):
                ask(judge, sum_of(Language.C), language)


def test_without_isolation_languages_run_too_and_say_so(tmp_path: Path) -> None:
    skip_without(Language.C)
    with SandboxJudge(1, tier="none", unsafe=True, cache=tmp_path) as judge:
        got = ask(judge, sum_of(Language.C), Language.C)
        assert (got.verdict, got.isolation.tier) == (Verdict.AC, "none")


def test_where_no_proc_can_be_mounted_the_second_tier_serves() -> None:
    skip_without(Language.RUBY)
    if os.getuid() != 0:
        pytest.skip("only root can hide a part of /proc, as containers do")
    code = f"""
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.problem import *
how = {{"limits": Limits(), "checker": Checker()}}
tests = [Test(input="add 1 2", outputs=("3",))]
judge = SandboxJudge(1)
ruby = judge.judge({sum_of(Language.RUBY)!r}, Language.RUBY, tests, **how)
python = judge.judge("print(3)", Language.PYTHON, tests, **how)
print(ruby.verdict.value, ruby.isolation.tier, python.verdict.value, python.isolation.tier)
judge.close()
"""
    hide = 'mount -t proc proc /proc && mount -t tmpfs none /proc/fs && exec "$@"'
    command = ["unshare", "--mount", "--pid", "--fork", "sh", "-c", hide, "sh"]
    done = subprocess.run(
        [*command, sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES)},
    )
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip(done.stderr)
    assert done.stdout == "AC landlock AC landlock\n", done.stderr


BY_NAME = {
    Language.PYTHON: "print(sum(map(int, open('/dev/stdin').read().split()[1:])))",
    Language.JAVASCRIPT: "const t = require('fs').readFileSync('/dev/stdin', 'utf8').split(' ');"
    "console.log(Number(t[1]) + Number(t[2]));",
    Language.CPP: "#include <fstream>\n#include <iostream>\nint main() { std::string w; "
    'int a, b; std::ifstream in("/dev/fd/0"); in >> w >> a >> b; std::cout << a + b; }',
    Language.RUBY: "puts File.read('/dev/stdin').split[1..].map(&:to_i).sum",
}


@pytest.mark.parametrize(("language", "program"), BY_NAME.items())
def test_standard_streams_have_their_names(
    judge: SandboxJudge, language: Language, program: str
) -> None:
    skip_without(language)
    got = ask(judge, program, language)
    assert got.verdict is Verdict.AC, got.first_failure


def test_languages_go_by_suffix() -> None:
    assert {suffix: language_of(Path("x" + suffix)) for suffix in SUMS} == SUMS
    assert len(SUMS) == 10
    with pytest.raises(InputError, match=r"\.txt"):
        language_of(Path("x.txt"))
