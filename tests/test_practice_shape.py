"""The shape of samples: read back what was written, drawn inputs have it, smaller ones too."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcoder_lite.practice import tree as trees
from mapcoder_lite.practice.shape import Line, Part, Repeat, Row, lines_of, shapes_of

SAMPLES = {
    "a row": ["5\n1 2 3 4 5\n", "3\n9 9 1\n"],
    "test cases": ["2\n3\n1 2 3\n1\n7\n"],
    "edges": ["4 3\n1 2\n2 3\n3 4\n", "2 1\n1 2\n"],
    "a grid": ["2 3\nab.\n#.#\n", "3 2\n..\n##\n.#\n"],
    "letters": ["5\nabcab\n", "2\nzz\n"],
    "queries": ["5\n1 2 3 4 5\n3\n1 2\n2 5\n3 3\n", "3\n4 4 4\n1\n1 3\n"],
    "a permutation": ["3\n3 1 2\n", "5\n1 5 4 3 2\n"],
    "test cases of lines": ["2\n3\na b\nc d\ne f\n1\nx y\n"],
    "numbers": ["1 2\n", "-7 1000000000000000000\n"],
    "reals": ["2\n1.5 2.25\n", "1\n-3.0\n"],
    "a word": ["abacaba\n", "zz\n"],
    "two rows": ["3 2\n1 2 3\n4 5\n", "1 4\n9\n1 1 2 1\n"],
}


def shape_of(name: str) -> tuple[Part, ...]:
    samples = SAMPLES[name]
    return trees.fitted(shapes_of(samples)[0], samples)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_read_and_written_back(name: str):
    for shape in shapes_of(SAMPLES[name]):
        for text in SAMPLES[name]:
            assert trees.written(trees.read(shape, text)) == text


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a row", [Line, Row]),
        ("test cases", [Line, Repeat]),
        ("edges", [Line, Repeat]),
        ("a grid", [Line, Repeat]),
        ("queries", [Line, Row, Line, Repeat]),
        ("test cases of lines", [Line, Repeat]),
        ("two rows", [Line, Row, Row]),
    ],
)
def test_the_likeliest_shape_is_the_one_that_a_person_sees(name: str, parts: list[type]):
    assert [type(part) for part in shape_of(name)] == parts


def test_what_every_sample_keeps_is_kept():
    _, edges = shape_of("edges")
    assert isinstance(edges, Repeat) and isinstance(edges.parts[0], Line)
    first, second = edges.parts[0].columns
    assert first.bound is not None and second.floor == first.name
    _, row = shape_of("a permutation")
    assert isinstance(row, Row) and row.is_permutation


@pytest.mark.parametrize("samples", [[], ["\n"], ["1 2 3\n", "4\n"], ["1\n", "1\n2\n"]])
def test_samples_without_a_common_shape_have_none(samples: list[str]):
    assert shapes_of(samples) == []


def test_long_samples_and_huge_numbers_are_read_in_time():
    rows = "".join(f"{n} {n + 1}\n" for n in range(2000))
    assert shapes_of([f"2000\n{rows}"]) != []
    assert shapes_of(["9" * 10_000 + " 1\n" * 200]) == []


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(SAMPLES)), st.integers(0, 10**6), st.integers(1, 6))
def test_what_is_drawn_has_the_shape(name: str, seed: int, size: int):
    shape = shape_of(name)
    text = trees.written(trees.drawn(shape, Random(seed), size))
    assert trees.written(trees.read(shape, text)) == text
    assert max(map(len, lines_of(text))) <= max(size, 3)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(sorted(SAMPLES)), st.integers(0, 10**6))
def test_a_smaller_input_has_the_shape_and_still_fails(name: str, seed: int):
    shape = shape_of(name)
    tree = trees.drawn(shape, Random(seed), 4)
    letters = len(trees.written(tree)) // 2

    def fails(text: str) -> bool:
        return len(text) >= letters

    text = trees.written(trees.smaller(tree, fails))
    assert fails(text)
    assert trees.written(trees.read(shape, text)) == text


def test_leaving_out_corrects_every_count():
    shape = shape_of("queries")
    tree = trees.read(shape, "5\n7 8 9 8 7\n3\n1 2\n2 5\n3 3\n")

    def fails(text: str) -> bool:
        rows = lines_of(text)
        return rows[0] == [str(len(rows[1]))] and "9" in rows[1] and ["1", "2"] not in rows[3:]

    assert trees.written(trees.smaller(tree, fails)) == "1\n9\n1\n1 1\n"


def test_a_permutation_stays_one():
    shape = shape_of("a permutation")
    tree = trees.read(shape, "6\n6 1 5 2 4 3\n")

    def fails(text: str) -> bool:
        """Some neighbours fall."""
        numbers = [int(token) for token in lines_of(text)[1]]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
        return any(a > b for a, b in pairwise(numbers))

    assert trees.written(trees.smaller(tree, fails)) == "2\n2 1\n"


@pytest.mark.parametrize("text", ["", "3\n1 2\n", "3\n1 2 3\n4\n", "x\n1\n", "2 2\n1 1\n"])
def test_a_text_of_another_shape_is_refused(text: str):
    with pytest.raises(trees.Unlike):
        trees.read(shape_of("a row"), text)
