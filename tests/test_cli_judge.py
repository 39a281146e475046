"""`mapcoder judge` over one program and over many: order, table, JSON, counts, exit codes."""

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from mapcoder_lite.cli.judge import exit_code, in_order
from mapcoder_lite.cli.programs import open_problems, read_entries
from mapcoder_lite.cli.verdicts import details, summary
from mapcoder_lite.cli.verdicts import row as table_row
from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.languages import TOOLCHAINS, language_of
from mapcoder_lite.problem import HiddenTests, Language, Problem, Test
from mapcoder_lite.verdict import Judgement, Verdict
from test_cli_main import SOURCE, STATEMENT, mapcoder

SUM = "print(sum(map(int, input().split())))\n"
MEASURED = ("-s", "judge.speed_factor=1")
PROGRAMS = {
    "a.py": SUM,
    "bad/four.py": "print(4)\n",
    "bad/halves.py": "print(\n",
    "crash.py": "print(1 // 0)\n",
}
WORDS = {"a.py": "AC", "bad/four.py": "WA", "bad/halves.py": "CE", "crash.py": "RE"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A problem, and a folder of programs with a file that is none."""
    for name, text in PROGRAMS.items():
        path = tmp_path / "programs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "programs" / "notes.txt").write_text("no program")
    (tmp_path / "add.md").write_text(STATEMENT)
    return tmp_path


def test_a_folder_gives_a_line_for_each_program_in_order(folder: Path):
    done = mapcoder(folder, "judge", "programs", "add.md", "--jobs", "2", *MEASURED)
    assert done.code == 1, done.stderr
    head, *rows, summary = done.stdout.splitlines()
    assert head.split() == ["program", "language", "passed", "CPU", "ms", "MiB", "first", "failure"]
    assert [(row.split()[0], row.split()[2]) for row in rows] == list(WORDS.items())
    assert "0/1" in rows[1] and "test 1: token 1 (line 1): expected '3', got '4'" in rows[1]
    assert "SyntaxError" in rows[2]
    assert "ZeroDivisionError" in rows[3]
    assert summary == "4 programs: AC 1, WA 1, RE 1, CE 1"
    assert "1 files are left out" in done.stderr


def test_many_as_json_lines_stream_in_the_order_of_the_input(folder: Path):
    rows = [{"id": f"p{n}", "program": SUM if n % 3 else "print(3)"} for n in range(12)]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (folder / "rows.jsonl.gz").write_bytes(gzip.compress(lines))
    done = mapcoder(folder, "judge", "rows.jsonl.gz", "add.md", "--json", "--jobs", "2", *MEASURED)
    assert done.code == 0, done.stderr
    judged = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["id"] for row in judged] == [row["id"] for row in rows]
    assert {row["problem_id"] for row in judged} == {"add"}
    for row in judged:
        assert Judgement.model_validate(row["judgement"]).is_accepted
    assert "12 programs: AC 12" in done.stderr


def test_rows_find_their_problems_and_hidden_tests(tmp_path: Path):
    problems = [
        Problem(id=name, statement=name, public_tests=(Test(input="1 2", outputs=(out,)),))
        for name, out in (("add", "3"), ("times", "2"))
    ]
    hidden = [
        HiddenTests(problem_id=name, tests=(Test(input="3 4", outputs=(out,)),))
        for name, out in (("add", "7"), ("times", "12"))
    ]
    (tmp_path / "problems.jsonl").write_text("".join(p.model_dump_json() + "\n" for p in problems))
    (tmp_path / "hidden.jsonl").write_text("".join(h.model_dump_json() + "\n" for h in hidden))
    rows = [{"program": SUM, "problem_id": name} for name in ("times", "add")]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("judge", "rows.jsonl", "problems.jsonl", "--hidden", "hidden.jsonl", "--json")
    done = mapcoder(tmp_path, *words, "--jobs", "1", *MEASURED)
    assert done.code == 1, done.stderr
    judged = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["id"], row["problem_id"]) for row in judged] == [
        ("line 1", "times"),
        ("line 2", "add"),
    ]
    assert [row["judgement"]["verdict"] for row in judged] == ["WA", "AC"]
    assert [row["judgement"]["num_total"] for row in judged] == [2, 2]


def test_a_program_may_end_at_its_first_failure(folder: Path):
    tests = [{"input": f"{n} 1", "outputs": [str(n + 1)]} for n in range(3)]
    (folder / "hidden.jsonl").write_text(json.dumps({"problem_id": "add", "tests": tests}) + "\n")
    words = ("judge", "programs", "add.md", "--hidden", "hidden.jsonl", "--json", *MEASURED)

    def counts(*more: str) -> list[tuple[int, int]]:
        lines = mapcoder(folder, *words, *more).stdout.splitlines()
        judged = [json.loads(line)["judgement"] for line in lines]
        return [(row["num_run"], row["num_total"]) for row in judged]

    assert counts() == [(4, 4), (4, 4), (0, 4), (4, 4)]
    assert counts("--stop-early") == [(4, 4), (1, 4), (0, 4), (1, 4)]


def hidden_of(folder: Path) -> str:
    """Hidden tests of the problem; nothing of them stands anywhere else."""
    tests = [{"input": "8131 9242", "outputs": ["17373"]}]
    (folder / "hidden.jsonl").write_text(json.dumps({"problem_id": "add", "tests": tests}) + "\n")
    return "hidden.jsonl"


LEAKY = (
    "import sys\nt = sys.stdin.read()\nprint(t)\nassert '8' not in t, t\nprint(t, file=sys.stderr)"
)


@pytest.mark.parametrize("more", [(), ("--json",)])
@pytest.mark.parametrize("source", ["one.py", "rows.jsonl"])
def test_hidden_tests_are_shown_only_when_asked(folder: Path, source: str, more: tuple[str, ...]):
    (folder / "one.py").write_text("print(3)\n")
    rows = [{"program": "print(3)"}, {"program": LEAKY}]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("judge", source, "add.md", "--hidden", hidden_of(folder), *more, *MEASURED)
    done = mapcoder(folder, *words, "--jobs", "1")
    assert done.code == 1, done.stderr
    assert "WA" in done.stdout
    assert [t for t in ("8131", "9242", "17373") if t in done.stdout + done.stderr] == []
    assert "17373" in mapcoder(folder, *words, "--jobs", "1", "--show-hidden").stdout


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"program": "x", "problem_id": "div"}, "line 1 is of problem div, not in problems.jsonl"),
        ({"program": "x"}, "names no problem_id, and problems.jsonl holds 2 problems"),
        ({"program": "x", "language": "cobol"}, "not a ProgramRow: language"),
        ({"code": "x"}, "not a ProgramRow"),
    ],
)
def test_a_row_that_is_not_understood_is_named_before_anything_is_judged(
    tmp_path: Path, row: dict[str, str], said: str
):
    problems = [Problem(id=name, statement="s") for name in ("add", "times")]
    (tmp_path / "problems.jsonl").write_text("".join(p.model_dump_json() + "\n" for p in problems))
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    done = mapcoder(tmp_path, "judge", "rows.jsonl", "problems.jsonl")
    assert (done.code, done.stdout) == (6, "")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("checker", "rows", "said"),
    [
        ({}, [{"program": "int f;", "language": "cpp"}], "line 2 cannot be judged on problem f"),
        ({"kind": "custom"}, [], "checker 'custom' reads what programs print, not values"),
    ],
)
def test_a_program_that_its_tests_cannot_ask_is_named_before_any_is_judged(
    tmp_path: Path, checker: dict[str, str], rows: list[dict[str, str]], said: str
):
    io = {"kind": "function", "entry_point": "f"}
    tests = [{"input": "[1]", "outputs": ["2"]}]
    problem = {"id": "f", "statement": "s", "io": io, "public_tests": tests, "checker": checker}
    (tmp_path / "problem.json").write_text(json.dumps(problem))
    good = {"program": "def f(n): return n + 1"}
    lines = "".join(json.dumps(row) + "\n" for row in [good, *rows, good])
    (tmp_path / "rows.jsonl").write_text(lines)
    done = mapcoder(tmp_path, "judge", "rows.jsonl", "problem.json")
    assert (done.code, done.stdout) == (6, "")
    assert said in done.stderr


def test_a_fault_of_a_problem_that_judging_finds_keeps_no_other_from_its_verdict(tmp_path: Path):
    tests = [{"input": "1 2", "outputs": ["3"]}]
    faulty = {"kind": "custom", "program": "int main( {", "language": "cpp"}
    problems = [
        {"id": "a", "statement": "s", "public_tests": tests, "checker": faulty},
        {"id": "b", "statement": "s", "public_tests": tests},
    ]
    (tmp_path / "problems.jsonl").write_text("".join(json.dumps(p) + "\n" for p in problems))
    rows = [{"program": SUM, "problem_id": name} for name in ("b", "a", "b")]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = mapcoder(tmp_path, "judge", "rows.jsonl", "problems.jsonl", *MEASURED)
    assert done.code == 5, done.stderr
    assert [line.split()[3] for line in done.stdout.splitlines()[1:-1]] == ["AC", "IE", "AC"]
    assert "the checker " in done.stdout.splitlines()[2]


def test_an_empty_program_is_judged_wherever_it_comes_from(folder: Path):
    (folder / "programs" / "__init__.py").write_text("")
    (folder / "programs" / "blank.PY").write_text(" \n")
    done = mapcoder(folder, "judge", "programs", "add.md", *MEASURED)
    found = {line.split()[0]: line.split()[2] for line in done.stdout.splitlines()[1:-1]}
    assert found == {**WORDS, "__init__.py": "WA", "blank.PY": "WA"}
    (folder / "rows.jsonl").write_text(json.dumps({"program": ""}) + "\n")
    done = mapcoder(folder, "judge", "rows.jsonl", "add.md", *MEASURED)
    assert done.stdout.splitlines()[1].split()[3] == "WA"


def test_suffixes_count_in_any_case(folder: Path):
    (folder / "one.PY").write_text(SUM)
    assert mapcoder(folder, "judge", "one.PY", "add.md", *MEASURED).code == 0
    assert language_of(Path("a.CPP")) is Language.CPP


def test_what_is_no_plain_file_is_refused_and_not_waited_for(folder: Path):
    for name in ("fifo.py", "fifo.jsonl", "programs/fifo.py"):
        os.mkfifo(folder / name)
    (folder / "device.py").symlink_to("/dev/zero")
    for name in ("fifo.py", "fifo.jsonl", "programs", "device.py"):
        done = mapcoder(folder, "judge", name, "add.md")
        assert (done.code, done.stdout) == (6, "")
        assert "is no plain file" in done.stderr


def test_a_program_too_large_is_called_a_program(folder: Path):
    (folder / "large.py").write_text("#" * 1_000_001)
    done = mapcoder(folder, "judge", "large.py", "add.md")
    assert done.code == 6
    assert "large.py has 1,000,001 bytes: a program has at most 1,000,000" in done.stderr


def test_a_name_stays_in_its_line(folder: Path):
    name = "a\nb\x1b[2J\u202ec"
    rows = [{"id": name, "program": SUM}, {"id": "ž", "program": SUM}]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = mapcoder(folder, "judge", "rows.jsonl", "add.md", *MEASURED)
    _, first, second, _ = done.stdout.splitlines()
    assert first.startswith("a\\nb\\x1b[2J\\u202ec  python")
    assert second.index("python") == first.index("python")
    done = mapcoder(folder, "judge", "rows.jsonl", "add.md", "--json", *MEASURED)
    assert json.loads(done.stdout.splitlines()[0])["id"] == name


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_streams_change_no_verdict(folder: Path, closed: str):
    command = f"exec {sys.executable} -m mapcoder_lite judge a.py add.md -s judge.speed_factor=1"
    (folder / "a.py").write_text(SUM)
    env = {**os.environ, "PYTHONPATH": SOURCE}
    done = subprocess.run(
        ["/bin/sh", "-c", f"{command} {closed}"],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert ("AC" in done.stdout) is (">&-" not in closed.split())


def test_a_folder_without_programs_is_not_understood(tmp_path: Path):
    (tmp_path / "add.md").write_text(STATEMENT)
    (tmp_path / "none").mkdir()
    done = mapcoder(tmp_path, "judge", "none", "add.md")
    assert done.code == 6
    assert "holds no program" in done.stderr


class Lame:
    """A judge whose sandbox fails for one language, and judges the others."""

    def __init__(self, judge: SandboxJudge):
        self._judge = judge
        self.isolation = judge.isolation

    def judge(self, program: str, language: Language, *rest: object, **how: object) -> Judgement:
        if language is Language.KOTLIN:
            raise SandboxError("kotlinc is missing: apt-get install kotlin")
        return self._judge.judge(program, language, *rest, **how)  # type: ignore[arg-type]

    def cancel(self) -> None:
        self._judge.cancel()

    def close(self) -> None:
        self._judge.close()


def test_a_fault_of_the_judge_is_ie_and_keeps_nobody_from_a_verdict(folder: Path):
    (folder / "programs" / "b.kt").write_text("fun main() {}")
    _, entries = read_entries(folder / "programs", open_problems(folder / "add.md", None))
    assert [entry.id for entry in entries] == ["a.py", "b.kt", *list(WORDS)[1:]]
    with SandboxJudge(2) as judge:
        judged = list(in_order(Lame(judge), entries, 2))
    verdicts = {entry.id: judgement.verdict for entry, judgement in judged}
    assert verdicts == {**{k: Verdict(v) for k, v in WORDS.items()}, "b.kt": Verdict.IE}
    (fault,) = [judgement for entry, judgement in judged if entry.id == "b.kt"]
    assert fault.first_failure is not None
    assert "apt-get install kotlin" in fault.first_failure.reason
    assert exit_code(verdicts.values()) == 5


def test_a_missing_toolchain_is_ie_with_the_package_that_brings_it(folder: Path):
    (folder / "programs" / "b.kt").write_text("fun main() {}")
    _, entries = read_entries(folder / "programs", open_problems(folder / "add.md", None))
    kotlin = replace(TOOLCHAINS[Language.KOTLIN], tools=("kotlinc-that-is-not-here",))
    with SandboxJudge(2, toolchains={**TOOLCHAINS, Language.KOTLIN: kotlin}) as judge:
        judged = {entry.id: (entry, got) for entry, got in in_order(judge, entries, 2)}
    assert {name: got.verdict.value for name, (_, got) in judged.items()} == WORDS | {"b.kt": "IE"}
    line = table_row(*judged["b.kt"], width=10)
    assert "kotlinc-that-is-not-here" in line and "default-jdk-headless" in line
    assert "kotlinc-that-is-not-here" in details(judged["b.kt"][1])


def test_the_summary_counts_faults_of_the_judge_apart():
    said = summary(Counter({Verdict.IE: 2, Verdict.WA: 1, Verdict.AC: 3}))
    assert said == "6 programs: AC 3, WA 1; not judged through the judge's fault: IE 2"


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [("AC AC", 0), ("AC WA", 1), ("AC SK", 1), ("TLE IE", 5), ("IE", 5), ("AC IE", 5)],
)
def test_exit_codes(verdicts: str, code: int):
    assert exit_code([Verdict(word) for word in verdicts.split()]) == code
