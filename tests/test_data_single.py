"""One problem from Companion, CPH, oj folders and Kattis packages, told apart by content."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.data.companion import cph_text
from mapcoder_lite.data.load import load_problem, load_with_tests
from mapcoder_lite.errors import InputError, SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.problem import (
    Checker,
    CheckerKind,
    Io,
    Language,
    Limits,
    Problem,
    Test,
)
from mapcoder_lite.verdict import Verdict

STATEMENT = "# Castle\n\nGuard it.\n\n## Input\n\nA number.\n\n## Output\n\nAnother.\n"
COMPANION: dict[str, Any] = {
    "name": "G. Castle Defence",
    "group": "A round",
    "url": "https://example.org/954/G",
    "interactive": False,
    "memoryLimit": 256,
    "timeLimit": 1500,
    "testType": "single",
    "input": {"type": "stdin"},
    "output": {"type": "stdout"},
    "languages": {"java": {"mainClass": "Main", "taskClass": "G"}},
    "tests": [{"input": "5\n", "output": "6\n"}],
}
LEGACY = "name: Sum\nlicense: cc by-sa\nkeywords: easy math\nlimits:\n  memory: 512\n"
MODERN = (
    "problem_format_version: 2023-07-draft\nname:\n  sv: Summa\n  en: Sum\n"
    "limits:\n  time_limit: 1.5\n  output: 1\n"
)


@pytest.fixture(scope="module")
def judge() -> Iterator[SandboxJudge]:
    try:
        made = SandboxJudge(1)
    except SandboxError as error:
        pytest.skip(str(error))
    with made:
        yield made


def companion(folder: Path, **changes: object) -> Path:
    path = folder / "castle.json"
    path.write_text(json.dumps(COMPANION | changes))
    (folder / "castle.md").write_text(STATEMENT)
    return path


def package(folder: Path, metadata: str, statement: str = "problem_statement/problem.tex") -> Path:
    pytest.importorskip("yaml")
    files = {
        "problem.yaml": metadata,
        statement: "\\problemname{Sum of two}\nAdd two numbers.\n",
        "data/sample/1.in": "1 2\n",
        "data/sample/1.ans": "3\n",
        "data/secret/small/01.in": "4 5\n",
        "data/secret/small/01.ans": "9\n",
        "data/secret/02.in": "",
        "data/secret/02.ans": "0\n",
    }
    for name, text in files.items():
        write(folder / "sum" / name, text)
    return folder / "sum"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_companion_with_the_statement_beside_it(tmp_path: Path):
    problem = load_problem(companion(tmp_path))
    assert problem.id == "G.-Castle-Defence"
    assert (problem.title, problem.statement) == ("G. Castle Defence", "Guard it.")
    assert (problem.input_spec, problem.output_spec) == ("A number.", "Another.")
    assert problem.limits == Limits(cpu_seconds=1.5, memory_bytes=256 << 20)
    assert problem.public_tests == (Test(input="5\n", outputs=("6\n",)),)
    assert problem.source.url == "https://example.org/954/G"


def test_the_samples_of_the_file_outrank_those_of_the_statement(tmp_path: Path):
    path = companion(tmp_path)
    (tmp_path / "castle.md").write_text(STATEMENT + "\n## Example\n\nInput: 1\n\nOutput: 2\n")
    assert load_problem(path).public_tests == (Test(input="5\n", outputs=("6\n",)),)


def test_a_missing_statement_says_where_to_put_it(tmp_path: Path):
    path = companion(tmp_path)
    (tmp_path / "castle.md").unlink()
    with pytest.raises(
        InputError, match=r"no statement: copy the problem's text into .*castle\.md"
    ):
        load_problem(path)
    write(tmp_path / "oj" / "test" / "1.in", "1")
    with pytest.raises(InputError, match=r"into .*oj/statement\.md"):
        load_problem(tmp_path / "oj")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"interactive": True}, "interactive"),
        ({"input": {"type": "file"}}, "it reads file"),
        ({"timeLimit": 0}, "timeLimit"),
        ({"timeLimit": "soon"}, "timeLimit"),
        ({"tests": [{"input": "1"}]}, r"tests\.0\.output"),
        ({"name": ""}, "name"),
    ],
)
def test_what_companion_cannot_mean_is_named(
    tmp_path: Path, changes: dict[str, object], words: str
):
    with pytest.raises(InputError, match=words) as caught:
        load_problem(companion(tmp_path, **changes))
    assert "castle.json" in str(caught.value)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    tests=st.lists(st.builds(Test, input=TEXT, outputs=st.tuples(TEXT))),
    milliseconds=st.integers(1, 3_600_000),
    memory=st.integers(1, 1 << 40),
)
def test_what_is_written_for_cph_is_read(
    tmp_path_factory: pytest.TempPathFactory, tests: list[Test], milliseconds: int, memory: int
):
    folder = tmp_path_factory.mktemp("cph")
    limits = Limits(cpu_seconds=milliseconds / 1000, memory_bytes=memory)
    problem = Problem(id="a", title="A", statement="s", public_tests=tuple(tests), limits=limits)
    path = folder / ".a.cpp_0.prob"
    path.write_text(cph_text(problem, folder / "a.cpp"))
    path.with_suffix(".md").write_text("s")
    found = load_problem(path)
    assert found.public_tests == problem.public_tests
    assert found.limits.cpu_seconds == pytest.approx(limits.cpu_seconds)
    assert found.limits.memory_bytes == memory
    assert found.title == "A"


def test_cph_knows_no_functions():
    problem = Problem(id="a", statement="s", io=Io(kind="function", entry_point="f"))
    with pytest.raises(InputError, match="defines a function"):
        cph_text(problem, Path("a.py"))


@pytest.mark.parametrize("home", ["test", "."])
def test_an_oj_folder(tmp_path: Path, home: str):
    folder = tmp_path / "abc001_a"
    for name in ("sample-1", "sample-2", "max"):
        write(folder / home / f"{name}.in", name)
        write(folder / home / f"{name}.out", name.upper())
    write(folder / "statement.md", STATEMENT)
    found = load_with_tests(folder)
    assert found.problem.id == "abc001_a"
    assert [test.input for test in found.problem.public_tests] == ["sample-1", "sample-2"]
    assert found.hidden is not None
    assert found.hidden.tests == (Test(input="max", outputs=("MAX",)),)
    assert "MAX" not in found.problem.model_dump_json()


def test_an_oj_folder_of_other_names_has_samples_only(tmp_path: Path):
    write(tmp_path / "test" / "1.in", "")
    write(tmp_path / "test" / "1.out", "0")
    write(tmp_path / "statement.txt", "Zero.")
    found = load_with_tests(tmp_path)
    assert found.hidden is None
    assert found.problem.public_tests == (Test(input="", outputs=("0",)),)
    (tmp_path / "test" / "1.out").unlink()
    with pytest.raises(InputError, match=r"has no 1\.out beside it"):
        load_problem(tmp_path)


def test_a_legacy_package(tmp_path: Path):
    folder = package(tmp_path, LEGACY)
    write(folder / ".timelimit", "3\n")
    found = load_with_tests(folder)
    problem = found.problem
    assert (problem.id, problem.title, problem.statement) == ("sum", "Sum", "Add two numbers.")
    assert problem.limits == Limits(cpu_seconds=3, memory_bytes=512 << 20, output_bytes=8 << 20)
    assert problem.checker == Checker(ignore_case=True)
    assert (problem.tags, problem.source.licence) == (("easy", "math"), "cc by-sa")
    assert problem.public_tests == (Test(input="1 2\n", outputs=("3\n",)),)
    assert found.hidden is not None
    assert [test.outputs[0] for test in found.hidden.tests] == ["0\n", "9\n"]


def test_a_package_of_2023_07(tmp_path: Path):
    folder = package(tmp_path, MODERN, "statement/problem.en.md")
    write(folder / "data/secret/test_group.yaml", "output_validator_args: float_tolerance 1e-4")
    problem = load_problem(folder)
    assert problem.title == "Sum"
    assert problem.limits == Limits(cpu_seconds=1.5, memory_bytes=2048 << 20, output_bytes=1 << 20)
    assert problem.checker == Checker(
        kind=CheckerKind.FLOATS,
        absolute_tolerance=1e-4,
        relative_tolerance=1e-4,
        ignore_case=True,
    )


@pytest.mark.parametrize(
    ("metadata", "place"),
    [
        ("validation: custom\n", "output_validators/check"),
        ("problem_format_version: 2025-09\nname: Sum\n", "output_validator"),
    ],
)
def test_a_validator_becomes_the_checker(tmp_path: Path, metadata: str, place: str):
    folder = package(tmp_path, metadata)
    write(
        folder / place / "validate.cpp", '#include <cstdio>\n#include "validate.h"\nint main() {}'
    )
    write(folder / place / "validate.h", '#pragma once\n#include "more.h"\nint one;')
    write(folder / place / "more.h", '#include "validate.h"\nint two;')
    checker = load_problem(folder).checker
    assert (checker.kind, checker.protocol) == (CheckerKind.CUSTOM, "kattis")
    assert checker.language is Language.CPP
    assert checker.program == (
        "#include <cstdio>\n#pragma once\n\nint two;\nint one;\nint main() {}"
    )


def test_the_validator_of_a_package_judges(tmp_path: Path, judge: SandboxJudge):
    folder = package(tmp_path, "validation: custom\n")
    validator = "import sys\nsys.exit(42 if sys.stdin.read().strip() in '3 9 0 x' else 43)\n"
    write(folder / "output_validators" / "any.py", validator)
    found = load_with_tests(folder)
    assert found.hidden is not None
    tests = (*found.problem.public_tests, *found.hidden.tests)
    verdicts = [
        judge.judge(
            program, Language.PYTHON, tests, limits=Limits(), checker=found.problem.checker
        ).verdict
        for program in ("print('x')", "print('y')")
    ]
    assert verdicts == [Verdict.AC, Verdict.WA]


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ("validation: custom interactive\n", "interactive: only pass-fail"),
        ("type: [interactive, multi-pass]\n", "interactive, multi-pass: only pass-fail"),
        ("type: scoring\n", "scoring: only pass-fail"),
        ("validation: custom\n", "wants a validator and has none"),
        ("validator_flags: float_tolerance much\n", "wants a number"),
        ("validator_flags: magic\n", "flag 'magic' is not known"),
        ("limits: {memory: lots}\n", "limits of"),
        ("- a list\n", "expected keys and values"),
        ("name: [\n", r"problem\.yaml: while parsing"),
        ("name: !!python/object/apply:os.system [false]\n", r"problem\.yaml: could not determine"),
    ],
)
def test_packages_that_are_not_judged_here_say_why(tmp_path: Path, metadata: str, words: str):
    with pytest.raises(InputError, match=words):
        load_problem(package(tmp_path, metadata))


def test_a_validator_of_several_sources_and_one_with_flags_are_refused(tmp_path: Path):
    folder = package(tmp_path, "validation: custom\nvalidator_flags: strict\n")
    write(folder / "output_validators" / "a.py", "")
    with pytest.raises(InputError, match="wants strict: not passed on"):
        load_problem(folder)
    (folder / "problem.yaml").write_text("validation: custom\n")
    assert load_problem(folder).checker.language is Language.PYTHON
    write(folder / "output_validators" / "b.py", "")
    with pytest.raises(InputError, match=r"one source, found a\.py, b\.py"):
        load_problem(folder)


def test_a_package_without_a_readable_statement(tmp_path: Path):
    folder = package(tmp_path, LEGACY)
    (folder / "problem_statement" / "problem.tex").unlink()
    with pytest.raises(InputError, match=r"copy the problem's text into .*sum/statement\.md"):
        load_problem(folder)
    write(folder / "statement.md", STATEMENT)
    assert load_problem(folder).statement == "Guard it."


def test_a_package_leads_nowhere_else(tmp_path: Path):
    folder = package(tmp_path, LEGACY)
    write(tmp_path / "secret.txt", "of somebody else")
    (folder / "data" / "secret" / "02.ans").unlink()
    (folder / "data" / "secret" / "02.ans").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(InputError, match="leads out of"):
        load_problem(folder)
    (folder / "data" / "secret" / "02.ans").unlink()
    (folder / "data" / "secret" / "02.ans").write_bytes(b"\xff")
    with pytest.raises(InputError, match="is not UTF-8"):
        load_problem(folder)


def test_another_folder_is_no_problem(tmp_path: Path):
    with pytest.raises(InputError, match="is a folder, but neither a Kattis"):
        load_problem(tmp_path)
