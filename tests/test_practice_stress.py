"""Stress: a wrong program is found out, and what shows it is as small as it goes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mapcoder_lite.data.load import load_problem
from mapcoder_lite.errors import InputError, SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.practice.stress import Effort, ProgramFile, search
from mapcoder_lite.problem import Io, Language, Limits, Problem, Test
from mapcoder_lite.verdict import Verdict
from test_cli_main import Done, mapcoder

BRUTE = (
    "n = int(input())\na = list(map(int, input().split()))\nassert len(a) == n\n"
    "print(max(sum(a[i:j]) for i in range(n) for j in range(i + 1, n + 1)))\n"
)
READ = "n = int(input())\na = list(map(int, input().split()))\n"
RIGHT = READ + "b = c = a[0]\nfor x in a[1:]:\n    c = max(x, c + x)\n    b = max(b, c)\nprint(b)\n"
NO_LOSS = READ + "b = c = 0\nfor x in a:\n    c = max(0, c + x)\n    b = max(b, c)\nprint(b)\n"
"""Wrong where every number is negative."""
TWINS = RIGHT.replace("print(b)", "print(b + any(x == y > 2 for x, y in zip(a, a[1:])))")
"""Wrong where two neighbours above 2 are equal."""
CRASH = RIGHT.replace("print(b)", "print(b if n != 4 else 1 // 0)")
PROBLEM = Problem(
    id="most",
    statement="The greatest sum of neighbours.",
    public_tests=(
        Test(input="5\n1 -2 3 4 -1\n", outputs=("7",)),
        Test(input="3\n5 -2 7\n", outputs=("10",)),
    ),
)
MEASURED = ("-s", "judge.workers=1", "-s", "judge.speed_factor=1")


@pytest.fixture(scope="module")
def judge() -> Iterator[SandboxJudge]:
    try:
        made = SandboxJudge(1)
    except SandboxError as error:
        pytest.skip(str(error))
    with made:
        yield made


def program(text: str, language: Language = Language.PYTHON) -> ProgramFile:
    return ProgramFile("mine", text, language)


@pytest.mark.parametrize(
    ("wrong", "inputs", "verdict"),
    [
        (NO_LOSS, {"1\n-1\n"}, Verdict.WA),
        (TWINS, {"2\n3 3\n"}, Verdict.WA),
        (CRASH, {"4\n0 0 0 0\n"}, Verdict.RE),
    ],
)
def test_a_wrong_program_is_found_out_by_a_smallest_input(
    judge: SandboxJudge, wrong: str, inputs: set[str], verdict: Verdict
):
    found = search(judge, PROBLEM, program(wrong), program(BRUTE), None, Effort(200)).counterexample
    assert found is not None
    assert found.test.input in inputs
    assert found.verdict is verdict
    assert len(found.test.input) <= len(found.found)


def test_a_right_program_is_not_blamed(judge: SandboxJudge):
    found = search(judge, PROBLEM, program(RIGHT), program(BRUTE), None, Effort(40))
    assert (found.counterexample, found.num_unanswered) == (None, 0)
    assert 30 < found.num_tried <= 42


def test_another_answer_that_a_sample_accepts_is_no_difference(judge: SandboxJudge):
    both = Test(input="3\n5 -2 7\n", outputs=("10", "11"))
    problem = PROBLEM.model_copy(update={"public_tests": (both,)})
    mine = program(RIGHT.replace("print(b)", "print(b + (a == [5, -2, 7]))"))
    found = search(judge, problem, mine, program(BRUTE), None, Effort(10))
    assert found.counterexample is None


def test_a_generator_gives_inputs_that_the_samples_do_not_show(judge: SandboxJudge):
    problem = PROBLEM.model_copy(update={"public_tests": ()})
    generator = program(
        "import random\nseed, size = map(int, input().split())\nr = random.Random(seed)\n"
        "print(size)\nprint(*(r.randint(-3, 3) for _ in range(size)))\n"
    )
    found = search(judge, problem, program(NO_LOSS), program(BRUTE), generator, Effort(25))
    assert found.counterexample is not None
    assert found.counterexample.test.input == "1\n-1\n"
    assert not found.is_shaped  # only the brute force's assertion kept the count right


@pytest.mark.parametrize(
    ("brute", "generator", "samples", "said"),
    [
        (NO_LOSS.replace("max(b, c)", "0"), None, PROBLEM.public_tests, "mend it first"),
        ("print(", None, PROBLEM.public_tests, "mend it first"),
        (BRUTE, None, (), "give --generator"),
        (BRUTE, "print(1 // 0)", (), "gets RE on '0 1', a seed and a size"),
        (BRUTE, "pass", (), "it printed nothing"),
        (BRUTE, "print('x')", (), "answers none of"),
    ],
)
def test_what_cannot_tell_right_from_wrong_is_refused(
    judge: SandboxJudge,
    brute: str,
    generator: str | None,
    samples: tuple[Test, ...],
    said: str,
):
    problem = PROBLEM.model_copy(update={"public_tests": samples})
    maker = program(generator) if generator else None
    with pytest.raises(InputError, match=said):
        search(judge, problem, program(RIGHT), program(brute), maker, Effort(25))


def test_a_program_that_does_not_compile_is_said_to_be_so(judge: SandboxJudge):
    with pytest.raises(InputError, match="SyntaxError"):
        search(judge, PROBLEM, program("print("), program(BRUTE), None, Effort(25))


def test_a_programs_output_comes_whole(judge: SandboxJudge):
    long = judge.outputs("print('x' * int(input()))", Language.PYTHON, ["5000"], limits=Limits())
    assert [(one.verdict, len(one.text)) for one in long] == [(Verdict.AC, 5001)]
    (broken,) = judge.outputs("print(", Language.PYTHON, ["1"], limits=Limits())
    assert broken.verdict is Verdict.CE and "SyntaxError" in broken.reason
    crash, fine = judge.outputs(
        "print(1 // int(input()))", Language.PYTHON, ["0", "1"], limits=Limits()
    )
    assert (crash.verdict, fine.verdict, fine.text) == (Verdict.RE, Verdict.AC, "1\n")


def stress(folder: Path, *words: str) -> Done:
    for name, text in {"mine.py": NO_LOSS, "brute.py": BRUTE, "right.py": RIGHT}.items():
        (folder / name).write_text(text)
    if not (folder / "most.json").exists():
        (folder / "most.json").write_text(PROBLEM.model_dump_json())
    return mapcoder(folder, "stress", *words, *MEASURED)


def test_the_verb_prints_the_input_and_keeps_it_as_a_sample(tmp_path: Path):
    done = stress(tmp_path, "mine.py", "brute.py", "most.json")
    assert (done.code, done.stdout) == (1, "1\n-1\n"), done.stderr
    assert "WA on an input of 2 tokens" in done.stderr
    assert "mapcoder debug mine.py" in done.stderr
    kept = load_problem(tmp_path / "most.stress.json")
    assert kept.public_tests == (*PROBLEM.public_tests, Test(input="1\n-1\n", outputs=("-1\n",)))
    again = stress(tmp_path, "mine.py", "brute.py", "most.json", "--json")
    assert json.loads(again.stdout)["counterexample"]["expected"] == "-1\n"
    assert load_problem(tmp_path / "most.stress.json") == kept


def test_the_verb_says_that_finding_nothing_proves_nothing(tmp_path: Path):
    done = stress(tmp_path, "right.py", "brute.py", "most.json", "--tries", "10", "--json")
    assert done.code == 0, done.stderr
    assert "proves nothing" in done.stderr
    assert json.loads(done.stdout)["counterexample"] is None
    assert not (tmp_path / "most.stress.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mine.py", "nowhere.py", "most.json"), "cannot read nowhere.py"),
        (("mine.py", "brute.py", "function.json"), "only programs that read standard input"),
        (("mine.py", "brute.py", "most.json", "--save", "other.json"), "holds another problem"),
        ((".", "brute.py", "most.json"), "is a folder"),
    ],
)
def test_bad_input_is_said_before_anything_runs(tmp_path: Path, words: tuple[str, ...], said: str):
    function = Problem(id="f", statement="s", io=Io(kind="function", entry_point="f"))
    (tmp_path / "function.json").write_text(function.model_dump_json())
    (tmp_path / "other.json").write_text(function.model_dump_json())
    done = stress(tmp_path, *words)
    assert done.code == 6
    assert said in done.stderr
