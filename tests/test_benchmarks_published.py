"""The published numbers: agreement, classes and subsets on made-up files; a slice of the real."""

import gzip
import json
import sys
from dataclasses import replace
from importlib import import_module
from math import comb
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.errors import InputError, SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.problem import Checker, Language, Limits, Test
from mapcoder_lite.verdict import Isolation, Judgement, Verdict
from source_tree import ROOT

sys.path.append(str(ROOT / "benchmarks"))
agreement = import_module("published_agreement")
figures = import_module("published_figures")
published = import_module("published")
rows = import_module("published_rows")
scores = import_module("published_scores")
tables = import_module("published_tables")
verdicts = import_module("published_verdicts")

SHARED = ROOT.parent / "shared" / "data"
real = pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")

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


def made(solved: list[tuple[bool, bool]], name: str = "A") -> Any:
    """A run that solved these as published and here, a problem each."""
    pairs = [
        agreement.Pair(
            rows.Entry(place, name, str(place), "", (), published),
            Judgement(
                verdict=Verdict.AC if ours else Verdict.WA,
                num_run=1,
                num_total=1,
                num_passed=int(ours),
                isolation=Isolation(tier="none"),
            ),
        )
        for place, (published, ours) in enumerate(solved)
    ]
    return scores.Run(name, "xCodeEval", Language.PYTHON, tuple(pairs))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40))
def test_pairs_are_tested_exactly(found: list[tuple[bool, bool]]):
    side = scores.side([(str(place), *words) for place, words in enumerate(found)])
    assert side.num_second - side.num_first == side.num_only_second - side.num_only_first
    few = min(side.num_only_first, side.num_only_second)
    differing = side.num_only_first + side.num_only_second
    tail = sum(comb(differing, number) for number in range(few + 1)) / 2**differing
    assert side.p == pytest.approx(min(1.0, 2 * tail))


def test_a_conclusion_that_our_verdicts_do_not_bear_falls():
    worse = made([(False, True)] * 10)
    better = made([(True, True)] * 10, "B")
    (one,) = scores.comparisons([worse, better])
    assert (one.published.conclusion, one.ours.conclusion) == (
        "second better",
        "no difference shown",
    )
    assert not one.stands
    assert (one.published.gain, one.ours.gain) == (None, 0)
    (turned,) = scores.comparisons([better, worse])
    assert turned == one


def test_rows_that_repeat_a_problem_are_no_trials_of_their_own():
    alone = scores.side([(str(place), False, True) for place in range(6)])
    repeated = scores.side([(str(place // 2), False, True) for place in range(6)])
    assert (alone.num_only_second, repeated.num_only_second) == (6, 6)
    assert (alone.p, repeated.p) == (2 / 2**6, 2 / 2**3)


@pytest.fixture(scope="module")
def real_rows() -> Any:
    return rows.all_rows(SHARED)


@real
def test_the_files_bear_the_printed_scores_and_costs(real_rows: Any):
    runs = scores.runs_of(
        [agreement.JudgedRow(row, tuple(map(believed, row.entries))) for row in real_rows]
    )
    told = {(run.name, run.benchmark): run for run in runs}
    assert set(figures.PRINTED) <= set(told)
    for (name, benchmark), share in figures.PRINTED.items():
        solved = scores.num_published(told[name, benchmark].pairs)
        if benchmark != "HumanEval-ET":
            assert round(100 * solved / len(told[name, benchmark].pairs), 1) == share
    lines = "\n".join(tables.calls(runs))
    assert "106 | 13.54 | 13.54 | 57 (40, 40) | 57 (40) | 29 (0, 0) | 29 (0) |" in lines
    assert "150 | 18.83 | 18.83 | 41 (22, 22) | 41 (22) | 90 (2, 2) | 90 (2) |" in lines
    assert "164 | 14.85 | 14.85 | 137 (133, 133) | 137 (133) | 14 (8, 8) | 14 (8) |" in lines
    sizes = {
        benchmark: {over: len(pairs) for over, pairs in run.over().items()}
        for (_, benchmark), run in told.items()
    }
    assert sizes["xCodeEval"] == {"all rows": 106, "sound subset": 95}
    assert sizes["APPS"] == {"all rows": 150, "each problem once": 128, "sound subset": 68}


def believed(entry: Any) -> Any:
    """The published verdict taken for ours."""
    verdict = Verdict.AC if entry.is_solved else Verdict.WA
    judgement = Judgement(
        verdict=verdict, num_run=1, num_total=1, num_passed=0, isolation=Isolation(tier="none")
    )
    return agreement.Pair(entry, judgement)


class Unexamined:
    """The real judge without a folder; what it says here is no score."""

    def __init__(self, judge: SandboxJudge) -> None:
        self._judge = judge

    def on(self, questions: Any, what: str) -> list[Judgement]:
        return [
            self._judge.judge(
                one.program,
                one.language,
                one.tests,
                limits=one.limits,
                checker=one.checker,
                io=one.io,
                stop_early=True,
            )
            for one in questions
        ]


@real
def test_a_slice_of_the_real_programs_agrees(real_rows: Any):
    wanted = {"humaneval": 10, "mbpp:shared": 10, "apps:strings": 4, "xcodeeval:Python3": 4}
    found = [
        replace(row, entries=quickest(row.entries)[: wanted[row.name]])
        for row in real_rows
        if row.name in wanted
    ]
    try:
        judge = SandboxJudge(1)
    except SandboxError as error:
        pytest.skip(str(error))
    with judge:
        judged = agreement.judged_rows(Unexamined(judge), found)
    assert tables.counted(judged) == (28, 28)
    assert [one.disagreements for one in judged] == [()] * 4


def quickest(entries: Any) -> list[Any]:
    """Programs that have few tests to pass."""
    return sorted((one for one in entries if one.is_solved), key=lambda one: len(one.tests))
