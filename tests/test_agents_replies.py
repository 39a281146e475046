"""Parsers against real replies of models; skipped where the replies are not at hand."""

import ast
import gzip
import json
from collections import Counter
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mapcoder_lite.agents import markup, parse
from mapcoder_lite.agents.markup import Tags
from mapcoder_lite.errors import FormatError
from mapcoder_lite.problem import Language
from mapcoder_lite.trajectory import Completion

REPLIES = Path(__file__).parents[1].parent / "shared" / "data" / "replies"
LANGUAGES = {"Python3": "python", "C++": "cpp", "C#": "csharp"}
OTHER_TAGS = Tags("response", frozenset(), frozenset({"knowledge_base", "exemplars"}))

pytestmark = pytest.mark.skipif(not REPLIES.is_dir(), reason="no real replies here")


@cache
def rows(name: str) -> list[dict[str, str]]:
    with gzip.open(REPLIES / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def said(text: str) -> Completion:
    return Completion(text=text, finish_reason="stop")


def parses(program: str) -> bool:
    try:
        ast.parse(program)
    except (SyntaxError, ValueError):
        return False
    return True


def test_python_programs_are_those_that_answer_and_parse_more_often_than_as_stored():
    """Where the stored block (the last) parses, only a usage example gives way to another."""
    counts: Counter[tuple[bool, bool]] = Counter()
    num_other = 0
    for row in rows("code"):
        if row["language"] == "Python3":
            program = parse.program(said(row["reply"]), Language.PYTHON)
            could_parse = parses(row["stored_program"])
            counts[could_parse, parses(program)] += 1
            num_other += could_parse and program.split() != row["stored_program"].split()
    assert counts.total() == 2370
    assert counts[True, False] == 0
    assert counts[False, True] >= 83  # of 86; the design page counts 69 with another block
    assert num_other <= 15


def test_other_languages_give_a_program_or_a_format_error():
    missing: Counter[str] = Counter()
    for row in rows("code"):
        if row["language"] == "Python3":
            continue
        try:
            language = Language(LANGUAGES.get(row["language"], row["language"].lower()))
            assert parse.fix(said(row["reply"]), language).program
        except FormatError as error:
            missing[error.kind] += 1
    # Each of them is a Python program where another language was asked for.
    assert set(missing) == {"no_program"} and missing.total() <= 17


def test_replies_with_other_tags_are_format_errors():
    for row in rows("retrieval_xml"):
        for parser in (parse.recall, parse.confidence, parse.plan):
            try:
                assert parser(said(row["reply"])) and parser is parse.plan
            except FormatError as error:
                assert error.kind


def test_tolerant_reader_reads_what_a_strict_one_refuses():
    num_strict = num_read = 0
    for row in rows("retrieval_xml"):
        try:
            ElementTree.fromstring(row["reply"])
            num_strict += 1
        except ElementTree.ParseError:
            pass
        try:
            events = list(markup.read(row["reply"], OTHER_TAGS))
        except FormatError:
            continue
        num_read += [e.name for e in events if e.text] == ["knowledge_base", "exemplars"]
    assert num_read >= 306 > 3 * num_strict, (num_strict, num_read)
