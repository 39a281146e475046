"""The published numbers on made-up files: agreement, classes, subsets, what is refused."""

import gzip
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mapcoder_lite.errors import InputError, SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.problem import Checker, Language, Limits, Test
from source_tree import ROOT

sys.path.append(str(ROOT / "benchmarks"))
published = import_module("published")
rows = import_module("published_rows")
verdicts = import_module("published_verdicts")

ECHO = "print(input())"
CUT = "9" * 300 + "..."
"""As long as what the source cut, and ending so."""


def contest(name: str, *tests: tuple[str, str]) -> dict[str, Any]:
    return {
        "src_uid": name,
        "description": "Say it again.",
        "input_from": "standard input",
        "output_to": "standard output",
        "time_limit": "2 seconds",
        "memory_limit": "256 megabytes",
        "sample_inputs": [],
        "sample_outputs": [],
        "hidden_unit_tests": [{"input": asked, "output": [wanted]} for asked, wanted in tests],
    }


def typed(number: int, wanted: object) -> dict[str, Any]:
    test = {"input": "1", "output": [wanted]}
    return {
        "id": number,
        "description": "Say it again.",
        "difficulty": "interview",
        "sample_io": [],
        "test_list": [test],
    }


def function(point: str, **fields: Any) -> dict[str, Any]:
    check = f"def check(candidate):\n    assert candidate(1) == 1\n    assert {point}(2) == 2\n"
    prompt = f'def {point}(n):\n    """The same."""\n'
    return {"prompt": prompt, "entry_point": point, "test": check} | fields


PROBLEMS: dict[str, list[dict[str, Any]]] = {
    "xcodeeval/problems": [
        contest("sound", ("1", "1"), ("2", "2")),
        contest("cut", (CUT, "1")),
        contest("grouped", ("1 2", "1\n2")),
    ],
    "apps/selected150": [typed(1, "1"), typed(1, "1"), typed(2, [1])],
    "humaneval/HumanEvalWST": [function("same", task_id="HumanEval/0", sample_io=[])],
    "humaneval/HumanEvalET": [
        function("same", task_id="HumanEval/0", test_case_list=["assert same(3) == 3"])
    ],
    "mbpp/mbpp-py": [
        function("same", name="mbpp_1_same", sample_io=["assert same(1) == 1"]),
        function("sum", name="mbpp_2_sum"),
    ],
}
SAME = "def same(n):\n    return n\n"
PROGRAMS: dict[str, list[tuple[str, object, str, bool]]] = {
    "xcodeeval": [
        ("A", "sound", ECHO, True),
        ("A", "cut", ECHO, False),
        ("A", "grouped", ECHO, True),  # other lines, the same tokens: the published rule says yes
        ("B", "grouped", "print(3)", False),
        ("B", "sound", "print(1)", True),  # prints 1 for 2: no verdict of ours calls it solved
        ("B", "cut", "import nothing", False),
    ],
    "apps": [
        ("A", 1, ECHO, True),
        ("A", 1, "print(0)", False),
        ("A", 2, "print([1])", False),  # right, and the published judge could not say so
    ],
    "humaneval": [("A", "HumanEval/0", SAME, True)],
    "mbpp": [
        # wrong on the sample alone, which the published tests lack
        ("A", "mbpp_1_same", "def same(n):\n    return 0 if n == 1 else n\n", True),
        ("A", "mbpp_2_sum", "def sum(n):\n    return n\n", True),
    ],
}


def write_rows(path: Path, found: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in found)


def write_world(folder: Path) -> Path:
    for name, found in PROBLEMS.items():
        write_rows(folder / f"{name}.jsonl.gz", found)
    for name, found in PROGRAMS.items():
        programs = [
            {
                "run": run,
                "problem": problem,
                "language": "Python3",
                "program": program,
                "is_solved": is_solved,
                "api_calls": 8 if run == "A" else None,
            }
            for run, problem, program, is_solved in found
        ]
        write_rows(folder / name / "programs.jsonl.gz", programs)
    return folder


class Done(NamedTuple):
    """The command run on the made-up files."""

    data: Path
    out: Path
    code: int
    report: dict[str, Any]

    def row(self, name: str) -> dict[str, Any]:
        return next(row for row in self.report["rows"] if row["name"] == name)

    def score(self, benchmark: str, run: str) -> dict[str, tuple[int, int, int]]:
        """Published, ours and of how many, by what the score is over."""
        return {
            one["over"]: (one["published"], one["ours"]["num_passed"], one["ours"]["num_total"])
            for one in self.report["scores"]
            if (one["benchmark"], one["run"]) == (benchmark, run)
        }


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    try:
        SandboxJudge(1).close()
    except SandboxError as error:
        pytest.skip(str(error))
    data = write_world(tmp_path_factory.mktemp("data"))
    out = tmp_path_factory.mktemp("out")
    code = published.main([str(data), "--out", str(out), "--write", str(out / "results.md")])
    return Done(data, out, code, json.loads((out / "report.json").read_text()))


def test_verdicts_are_compared_cell_by_cell(done: Done):
    assert done.row("xcodeeval:Python3")["cells"] == {
        "A": {"programs": 3, "agreeing": 3},
        "B": {"programs": 3, "agreeing": 2},
    }
    assert done.row("humaneval")["cells"] == {"A": {"programs": 1, "agreeing": 1}}
    assert done.report["agreement"] == {"agreeing": 10, "of": 11, "is_met": False}
    assert done.code == 1


def test_every_disagreement_has_its_class(done: Done):
    found = {
        (one["row"], one["problem"], one["kind"])
        for row in done.report["rows"]
        for one in row["disagreements"]
    }
    assert found == {
        ("xcodeeval:Python3", "sound", "other"),
        ("apps:typed", "2", "type"),
        ("mbpp:file", "mbpp_1_same", "the sample decides too"),
    }


def test_scores_are_raw_and_on_the_sound_subset(done: Done):
    assert done.score("xCodeEval", "A") == {"all rows": (2, 2, 3), "sound subset": (2, 2, 2)}
    assert done.score("xCodeEval", "B") == {"all rows": (1, 0, 3), "sound subset": (1, 0, 2)}
    assert done.score("APPS", "A") == {
        "all rows": (1, 2, 3),
        "each problem once": (1, 2, 2),
        "sound subset": (1, 1, 1),
    }
    assert done.score("HumanEval-ET", "A") == {"all rows": (None, 1, 1)}
    assert done.score("MBPP", "A") == {"all rows": (2, 1, 2)}


def test_runs_are_paired_by_problem_whatever_their_order(done: Done):
    raw, sound = done.report["comparisons"]
    assert (raw["first"], raw["second"], raw["num_pairs"]) == ("B", "A", 3)
    assert (raw["published"]["num_only_second"], raw["ours"]["num_only_second"]) == (1, 2)
    assert (sound["over"], sound["num_pairs"], sound["stands"]) == ("sound subset", 2, True)


def test_the_written_part_says_what_judged_and_what_differs(done: Done):
    text = (done.out / "results.md").read_text()
    assert "verdicts right" in text
    assert "| xcodeeval:Python3 | B | other | WA | solved | 1 | sound |" in text
    assert "| of those counted, at least 99 % |  | 11 | 10 | 90.91 |  | **no** |" in text


def test_what_was_judged_is_not_judged_again(done: Done):
    kept = (done.out / "verdicts.jsonl").read_bytes()
    examined = (done.out / "selftest.json").read_bytes()
    assert published.main([str(done.data), "--out", str(done.out)]) == 1
    assert (done.out / "verdicts.jsonl").read_bytes() == kept
    assert (done.out / "selftest.json").read_bytes() == examined


def test_no_number_comes_from_a_judge_that_failed(done: Done, tmp_path: Path, capsys: Any):
    for name in ("verdicts.jsonl", "selftest.json"):
        (tmp_path / name).write_bytes((done.out / name).read_bytes())
    record = json.loads((tmp_path / "selftest.json").read_text()) | {"wrong": ["python sum: WA"]}
    (tmp_path / "selftest.json").write_text(json.dumps(record))
    assert published.main([str(done.data), "--out", str(tmp_path)]) == 5
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "failed its self-test" in printed.err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: (data / "apps" / "selected150.jsonl.gz").unlink(), "lacks apps/selected150"),
        (
            lambda data: (data / "mbpp" / "programs.jsonl.gz").write_bytes(b"no gzip"),
            "programs.jsonl.gz is damaged",
        ),
        (
            lambda data: write_rows(data / "mbpp" / "programs.jsonl.gz", [{"run": "A"}]),
            "line 1: no problem, program, is_solved",
        ),
        (
            lambda data: write_rows(data / "humaneval" / "HumanEvalET.jsonl.gz", []),
            "A has a program of problem HumanEval/0, which is in no file here",
        ),
    ],
)
def test_bad_files_are_named_before_anything_is_judged(
    tmp_path: Path, capsys: Any, change: Any, words: str
):
    data, out = write_world(tmp_path / "data"), tmp_path / "out"
    change(data)
    assert published.main([str(data), "--out", str(out)]) == InputError.exit_code
    assert words in capsys.readouterr().err
    assert not out.exists()


def test_an_unknown_row_is_refused_by_name(tmp_path: Path, capsys: Any):
    assert published.main([str(write_world(tmp_path)), "--only", "apps:int"]) == 6
    assert "no row is called 'apps:int'; there are: xcodeeval:Python3, " in capsys.readouterr().err


def question(**changes: Any) -> Any:
    fields: dict[str, Any] = {
        "program": ECHO,
        "language": Language.PYTHON,
        "tests": (Test(input="1", outputs=("1",)),),
        "checker": Checker(),
        "limits": Limits(),
        "io": rows.Io(),
    }
    return verdicts.Question(**fields | changes)


@pytest.mark.parametrize(
    "change",
    [
        {"program": "print(1)"},
        {"language": Language.RUBY},
        {"tests": (Test(input="1", outputs=("1", "2")),)},
        {"checker": rows.EXECEVAL},
        {"limits": Limits(cpu_seconds=3)},
        {"io": rows.Io(kind="asserts", entry_point="f")},
    ],
)
def test_a_verdict_is_kept_for_its_question_alone(change: dict[str, Any]):
    assert question().key == question().key
    assert question(**change).key != question().key
