"""`mapcoder judge`: a program's verdict on every test.

Knows: which tests are judged, how verdicts are shown.
Does not know: how programs are run.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal

if TYPE_CHECKING:
    from mapcoder_lite.problem import Language, Test
    from mapcoder_lite.verdict import Judgement, TestResult


def judge(
    program: Annotated[Path, typer.Argument(metavar="PROGRAM", help="The program's source.")],
    problem: Annotated[
        Path, typer.Argument(metavar="PROBLEM", help="Statement (Markdown, text) or problem.json.")
    ],
    hidden: Annotated[
        Path | None, typer.Option("--hidden", help="Hidden tests, judged after the samples.")
    ] = None,
    config: options.Files = None,
    overrides: options.Overrides = None,
    json: options.Json = False,
) -> None:
    """Judge a program on a problem's tests: one verdict a test.

    Exit code 0 = accepted, 1 = not accepted.

    Example: mapcoder judge solution.py problem.md
    """
    from mapcoder_lite.cli import engines
    from mapcoder_lite.data.load import load_problem
    from mapcoder_lite.data.reading import read_text

    settings = options.resolve(config, overrides)
    source, wanted = read_text(program, max_bytes=1_000_000), load_problem(problem)
    tests = wanted.public_tests + (_hidden_tests(hidden, wanted.id) if hidden else ())
    if not tests:
        terminal.say("no tests: neither samples in the statement nor --hidden", "yellow")
    with engines.opened_judge(settings) as judge:
        judgement = judge.judge(
            source,
            _language(program),
            tests,
            limits=wanted.limits,
            checker=wanted.checker,
            io=wanted.io,
        )
    terminal.result(judgement.model_dump_json(indent=2) if json else _report(judgement))
    sys.exit(0 if judgement.is_accepted else 1)


def _hidden_tests(path: Path, problem_id: str) -> "tuple[Test, ...]":
    from mapcoder_lite.data.problem_json import read_hidden_tests
    from mapcoder_lite.errors import InputError

    hidden = read_hidden_tests(path)
    if problem_id not in hidden:
        raise InputError(f"{path} holds no hidden tests of problem {problem_id}")
    return hidden[problem_id].tests


def _language(program: Path) -> "Language":
    from mapcoder_lite.errors import InputError
    from mapcoder_lite.problem import Language

    suffixes = {
        ".py": Language.PYTHON,
        ".c": Language.C,
        ".cpp": Language.CPP,
        ".cc": Language.CPP,
        ".java": Language.JAVA,
        ".js": Language.JAVASCRIPT,
        ".go": Language.GO,
        ".rs": Language.RUST,
        ".rb": Language.RUBY,
        ".php": Language.PHP,
        ".cs": Language.CSHARP,
        ".kt": Language.KOTLIN,
    }
    if program.suffix not in suffixes:
        raise InputError(
            f"{program}: no language has the suffix {program.suffix!r}: "
            f"expected one of {' '.join(suffixes)}"
        )
    return suffixes[program.suffix]


def _report(judgement: "Judgement") -> str:
    lines = [_row(number, run) for number, run in enumerate(judgement.results, start=1)]
    if not judgement.compilation.is_ok:
        lines.append(judgement.compilation.log.rstrip())
    if judgement.first_failure is not None:
        failure = judgement.first_failure
        lines.append(f"test {failure.index + 1}: {failure.verdict.value} {failure.reason}".rstrip())
    lines.append(
        f"{judgement.verdict.value}  {judgement.num_passed} of {judgement.num_total} tests passed"
        f"  (isolation {judgement.isolation.tier}, checker {judgement.checker}, "
        f"speed factor {judgement.speed_factor:g})"
    )
    return "\n".join(lines)


def _row(number: int, run: "TestResult") -> str:
    mebibytes = run.rss_kb / 1024
    return f"test {number:3d}  {run.verdict.value:3}  {run.cpu_ms:7.0f} ms  {mebibytes:6.1f} MiB"
