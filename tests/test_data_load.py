import gzip
import json
from pathlib import Path

import pytest

from mapcoder_lite.data.load import load_problem
from mapcoder_lite.data.problem_json import read_hidden_tests, read_problems
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import HiddenTests, Problem, Test

PROBLEM = Problem(id="sum", statement="Add.", public_tests=(Test(input="1 2\n", outputs=("3",)),))


def test_the_format_is_chosen_by_content_not_by_name(tmp_path: Path):
    as_json, as_text = tmp_path / "a.txt", tmp_path / "two words.json"
    as_json.write_text(PROBLEM.model_dump_json())
    as_text.write_text("Add two numbers.")
    assert load_problem(as_json) == PROBLEM
    assert load_problem(as_text).id == "two-words"
    assert load_problem(as_text).public_tests == ()


def test_a_byte_order_mark_is_no_content(tmp_path: Path):
    path = tmp_path / "a.md"
    path.write_bytes(b"\xef\xbb\xbf# Title\n\nAdd.\n")
    assert load_problem(path).title == "Title"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"\x7fELF\x00\x01\x02", "is binary"),
        (gzip.compress(b"Add.", mtime=0), "is gzipped"),
        ("Größe".encode("latin-1"), "is not UTF-8"),
        ("Add.".encode("utf-16"), "is UTF-16"),
        (b"x" * 2_000_001, "2,000,001 bytes, more than the 2,000,000"),
        (b'{"id": "x", ', "broken JSON"),
        (b'{"id": "x"}', "not a Problem: statement"),
        (b'{"id": "x", "statement": "s", "answer": 4}', "not a Problem: answer"),
        (b"[]", "holds a list"),
        (b'{"id": "a", "statement": "s"}\n{"id": "b", "statement": "s"}\n', "holds a list"),
        (b"## Input\n3\n", "no statement found"),
    ],
)
def test_bad_input_gets_one_clear_line_and_exit_code_6(tmp_path: Path, content: bytes, words: str):
    path = tmp_path / "problem.md"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_problem(path)
    assert words in str(caught.value)
    assert "problem.md" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 6


def test_missing_files_and_folders_are_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"cannot read .*nowhere\.md"):
        load_problem(tmp_path / "nowhere.md")
    with pytest.raises(InputError, match="is a folder"):
        load_problem(tmp_path)


def test_lists_of_problems_and_hidden_tests(tmp_path: Path):
    problems, hidden = tmp_path / "problems.jsonl.gz", tmp_path / "hidden_tests.jsonl"
    problems.write_bytes(gzip.compress((PROBLEM.model_dump_json() + "\n\n").encode()))
    tests = HiddenTests(problem_id="sum", tests=(Test(input="", outputs=("0",)),))
    hidden.write_text(tests.model_dump_json() + "\n")
    assert read_problems(problems) == (PROBLEM,)
    assert read_hidden_tests(hidden) == {"sum": tests}


def test_an_id_that_comes_twice_and_a_broken_line_are_refused(tmp_path: Path):
    path = tmp_path / "problems.jsonl"
    line = PROBLEM.model_dump_json() + "\n"
    path.write_text(line * 2)
    with pytest.raises(InputError, match="problem sum is there twice"):
        read_problems(path)
    path.write_text(line + json.dumps({"id": "x"}) + "\n")
    with pytest.raises(InputError, match="line 2: not a Problem: statement"):
        read_problems(path)
    path.write_text("\n")
    with pytest.raises(InputError, match="is empty"):
        read_problems(path)


def test_a_damaged_gzip_file_is_named(tmp_path: Path):
    path = tmp_path / "problems.jsonl.gz"
    path.write_bytes(gzip.compress(b"x" * 1000)[:-12])
    with pytest.raises(InputError, match="damaged gzip"):
        read_problems(path)
