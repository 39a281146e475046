"""Each expected output x each small edit: accepted by exactly the rules that call it equal."""

import time
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mapcoder_lite.judge.checker import check
from mapcoder_lite.problem import Checker, CheckerKind

KINDS = {
    "T": CheckerKind.TOKENS,
    "E": CheckerKind.EXACT,
    "L": CheckerKind.LINES,
    "F": CheckerKind.FLOATS,
    "S": CheckerKind.SORTED,
    "U": CheckerKind.UNORDERED,
    "X": CheckerKind.EXECEVAL,
}

INTEGERS = "3 1 2\n10 -20\n"
DECIMALS = "0.5 -1e3\n2.25 100.0\n"
WORDS = "YES no\nabc Abc\n"
GRID = "#.#\n...\n"
LARGE = "9007199254740993\n"
NOTHING = ""

TABLE = [
    (INTEGERS, "the same", "3 1 2\n10 -20\n", "TELFSUX"),
    (INTEGERS, "no newline at the end", "3 1 2\n10 -20", "TLFSUX"),
    (INTEGERS, "more newlines at the end", "3 1 2\n10 -20\n\n\n", "TLFSUX"),
    (INTEGERS, "carriage returns", "3 1 2\r\n10 -20\r\n", "TLFSUX"),
    (INTEGERS, "a space at a line's end", "3 1 2 \n10 -20\n", "TLFSUX"),
    (INTEGERS, "a tab at a line's end", "3 1 2\n10 -20\t\n", "TLFSUX"),
    (INTEGERS, "a space at a line's start", "3 1 2\n 10 -20\n", "TFSUX"),
    (INTEGERS, "two spaces", "3  1 2\n10 -20\n", "TFSUX"),
    (INTEGERS, "a tab between", "3\t1 2\n10 -20\n", "TFSUX"),
    (INTEGERS, "an empty line first", "\n3 1 2\n10 -20\n", "TFSUX"),
    (INTEGERS, "an empty line between", "3 1 2\n\n10 -20\n", "TFSUX"),
    (INTEGERS, "a no-break space", "3\u00a01 2\n10 -20\n", "X"),
    (INTEGERS, "all on one line", "3 1 2 10 -20\n", "TFUX"),
    (INTEGERS, "a token a line", "3\n1\n2\n10\n-20\n", "TFUX"),
    (INTEGERS, "lines swapped", "10 -20\n3 1 2\n", "SU"),
    (INTEGERS, "tokens swapped", "1 3 2\n10 -20\n", "U"),
    (INTEGERS, "tokens swapped across lines", "10 1 2\n3 -20\n", "U"),
    (INTEGERS, "a token dropped", "3 1\n10 -20\n", ""),
    (INTEGERS, "the last line dropped", "3 1 2\n", ""),
    (INTEGERS, "a token doubled", "3 1 2 2\n10 -20\n", ""),
    (INTEGERS, "a line doubled", "3 1 2\n10 -20\n10 -20\n", ""),
    (INTEGERS, "one more token", "3 1 2\n10 -20\n0\n", ""),
    (INTEGERS, "one for another", "3 1 1\n10 -20\n", ""),
    (INTEGERS, "the last digit changed", "3 1 2\n10 -21\n", ""),
    (INTEGERS, "digits swapped", "3 1 2\n01 -20\n", ""),
    (INTEGERS, "the sign dropped", "3 1 2\n10 20\n", ""),
    (INTEGERS, "tokens joined", "31 2\n10 -20\n", ""),
    (INTEGERS, "a token split", "3 1 2\n1 0 -20\n", ""),
    (INTEGERS, "a plus sign", "+3 1 2\n10 -20\n", "FX"),
    (INTEGERS, "a leading zero", "03 1 2\n10 -20\n", "FX"),
    (INTEGERS, "written as a decimal", "3.0 1 2\n10 -20\n", "FX"),
    (INTEGERS, "written with an exponent", "3 1 2\n1e1 -20\n", "FX"),
    (INTEGERS, "off by 1e-13", "3.0000000000001 1 2\n10 -20\n", "FX"),
    (INTEGERS, "off by 1e-9", "3.000000001 1 2\n10 -20\n", "F"),
    (INTEGERS, "off by 1e-3", "3.001 1 2\n10 -20\n", ""),
    (INTEGERS, "hexadecimal", "0x3 1 2\n10 -20\n", "X"),
    (INTEGERS, "an underscore", "3 1 2\n1_0 -20\n", "X"),
    (INTEGERS, "nan", "nan 1 2\n10 -20\n", "X"),
    (INTEGERS, "inf", "inf 1 2\n10 -20\n", ""),
    (INTEGERS, "a comma", "3, 1 2\n10 -20\n", ""),
    (INTEGERS, "quotes", "'3' 1 2\n10 -20\n", ""),
    (INTEGERS, "digits of another script", "٣ 1 2\n10 -20\n", ""),
    (INTEGERS, "a NUL at the end", "3 1 2\n10 -20\n\0", ""),
    (INTEGERS, "a byte order mark", "\ufeff3 1 2\n10 -20\n", ""),
    (INTEGERS, "a prompt before it", "answer: 3 1 2\n10 -20\n", ""),
    (INTEGERS, "nothing", "", ""),
    (DECIMALS, "the same", "0.5 -1e3\n2.25 100.0\n", "TELFSUX"),
    (DECIMALS, "without trailing zeros", "0.5 -1e3\n2.25 100\n", "TFX"),
    (DECIMALS, "without a leading zero", ".5 -1e3\n2.25 100.0\n", "TFX"),
    (DECIMALS, "an exponent written out", "0.5 -1000\n2.25 100.0\n", "TFX"),
    (DECIMALS, "off by 1e-13", "0.5000000000001 -1e3\n2.25 100.0\n", "TFX"),
    (DECIMALS, "off by 1e-7", "0.5000001 -1e3\n2.25 100.0\n", "TF"),
    (DECIMALS, "off by 5e-5, relatively 5e-7", "0.5 -1e3\n2.25 100.00005\n", "TF"),
    (DECIMALS, "off by 1e-3", "0.501 -1e3\n2.25 100.0\n", ""),
    (DECIMALS, "off by one in 100", "0.5 -1e3\n2.25 101.0\n", ""),
    (DECIMALS, "the sign dropped", "0.5 1e3\n2.25 100.0\n", ""),
    (DECIMALS, "a decimal comma", "0,5 -1e3\n2.25 100.0\n", ""),
    (DECIMALS, "nan", "nan -1e3\n2.25 100.0\n", "X"),
    (DECIMALS, "minus nan", "0.5 -nan\n2.25 100.0\n", "X"),
    (DECIMALS, "inf", "inf -1e3\n2.25 100.0\n", ""),
    (DECIMALS, "lines swapped", "2.25 100.0\n0.5 -1e3\n", "SU"),
    (DECIMALS, "a value dropped", "0.5 -1e3\n2.25\n", ""),
    (DECIMALS, "a word", "half -1e3\n2.25 100.0\n", ""),
    (WORDS, "the same", "YES no\nabc Abc\n", "TELFSUX"),
    (WORDS, "yes in another case", "Yes no\nabc Abc\n", "X"),
    (WORDS, "no in another case", "YES NO\nabc Abc\n", "X"),
    (WORDS, "another word's case", "YES no\nabc abc\n", ""),
    (WORDS, "yes for no", "YES yes\nabc Abc\n", ""),
    (WORDS, "a letter changed", "YES no\nabd Abc\n", ""),
    (WORDS, "a full stop", "YES no\nabc Abc.\n", ""),
    (WORDS, "a word cut short", "YE no\nabc Abc\n", ""),
    (WORDS, "a number for a word", "1 no\nabc Abc\n", ""),
    (WORDS, "nan for a word", "nan no\nabc Abc\n", ""),
    (GRID, "the same", "#.#\n...\n", "TELFSUX"),
    (GRID, "a space inside", "#. #\n...\n", ""),
    (GRID, "a cell changed", "#.#\n..#\n", ""),
    (GRID, "rows swapped", "...\n#.#\n", "SU"),
    (GRID, "rows joined", "#.#...\n", ""),
    (LARGE, "the next integer below", "9007199254740992\n", "F"),
    (LARGE, "as a decimal", "9007199254740993.0\n", "FX"),
    (LARGE, "ten times as large", "90071992547409930\n", ""),
    (NOTHING, "the same", "", "TELFSUX"),
    (NOTHING, "white space", " \n\n", "TLFSUX"),
    (NOTHING, "a word", "x", ""),
    (NOTHING, "zero", "0", ""),
]


def accepts(kind: CheckerKind, output: str, *accepted: str, **fields: object) -> bool:
    checker = Checker.model_validate({"kind": kind, **fields})
    return check(checker, output.encode(), accepted) is None


@pytest.mark.parametrize(
    ("expected", "edit", "output", "by"),
    TABLE,
    ids=[
        f"{expected.split()[0] if expected else 'nothing'}-{edit}" for expected, edit, *_ in TABLE
    ],
)
def test_an_edit_is_accepted_by_exactly_these_rules(
    expected: str, edit: str, output: str, by: str
) -> None:
    found = "".join(letter for letter, kind in KINDS.items() if accepts(kind, output, expected))
    assert found == by, edit


@pytest.mark.parametrize(("expected", "edit", "output", "by"), TABLE)
def test_among_several_outputs_any_right_one_counts(
    expected: str, edit: str, output: str, by: str
) -> None:
    for letter, kind in KINDS.items():
        assert accepts(kind, output, "something else", expected) is (letter in by)
        assert accepts(kind, output, expected, "something else") is (letter in by)


def test_every_rule_is_in_the_table() -> None:
    assert set(KINDS.values()) == set(CheckerKind) - {CheckerKind.CUSTOM}
    assert {letter for *_, by in TABLE for letter in by} == set(KINDS)


@pytest.mark.parametrize("kind", [KINDS[letter] for letter in "TLFSU"])
def test_yes_and_no_in_any_case_where_asked_and_nothing_else(kind: CheckerKind) -> None:
    is_whole_line = kind is CheckerKind.LINES
    expected, other = ("YES", "yEs") if is_whole_line else ("YES x", "yEs x")
    assert accepts(kind, other, expected, ignore_case=True)
    assert not accepts(kind, other, expected)
    assert not accepts(kind, "no", expected, ignore_case=True)
    assert not accepts(kind, expected.replace("x", "X"), "YES x", ignore_case=True)


token = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.floats(-1e6, 1e6).map(repr),
    st.sampled_from(["yes", "NO", "a", "nan", "-inf", "1e400", "0x1", "1_0", "#"]),
    st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=5),
)
grid = st.lists(st.lists(token, min_size=1, max_size=4), min_size=1, max_size=4)


def text_of(rows: list[list[str]]) -> str:
    return "".join(" ".join(row) + "\n" for row in rows)


@settings(deadline=None)
@given(grid, st.randoms(use_true_random=False))
def test_order_counts_but_for_sorted_and_unordered(rows: list[list[str]], random) -> None:
    shuffled = random.sample(rows, len(rows))
    flat = [token for row in rows for token in row]
    mixed = " ".join(random.sample(flat, len(flat)))
    assert accepts(CheckerKind.SORTED, text_of(shuffled), text_of(rows))
    assert accepts(CheckerKind.UNORDERED, text_of(shuffled), text_of(rows))
    assert accepts(CheckerKind.UNORDERED, mixed, text_of(rows))
    if text_of(shuffled) != text_of(rows):
        assert not accepts(CheckerKind.LINES, text_of(shuffled), text_of(rows))
        assert not accepts(CheckerKind.EXACT, text_of(shuffled), text_of(rows))


@settings(deadline=None)
@given(grid, token)
def test_a_token_more_is_seen_by_all(rows: list[list[str]], more: str) -> None:
    longer = text_of([*rows, [more]])
    for kind in KINDS.values():
        assert not accepts(kind, longer, text_of(rows))
        assert not accepts(kind, text_of(rows), longer)


number = st.one_of(
    st.decimals(-1000, 1000, places=8).map(str),
    st.floats(-1e9, 1e9).map(repr),
    st.integers(-50, 50).map(str),
)


def same_number(got: str, wanted: str) -> bool:
    """1e-6 absolute or relative, in exact arithmetic; not asked at the very edge."""
    a, b = Fraction(got), Fraction(wanted)
    allowed = max(Fraction(1, 10**6), abs(b) / 10**6)
    assume(abs(abs(a - b) - allowed) > allowed / 10**6)
    return abs(a - b) <= allowed


@settings(deadline=None)
@given(number, number, st.integers(-12, -3), st.booleans())
def test_tolerance_against_exact_arithmetic(
    first: str, second: str, exponent: int, is_near: bool
) -> None:
    wanted = first
    got = repr(float(first) + 10.0**exponent) if is_near else second
    assert accepts(CheckerKind.FLOATS, got, wanted) is same_number(got, wanted)
    is_decimal = "." in wanted or "e" in wanted.lower()
    is_equal = same_number(got, wanted) if is_decimal else got == wanted
    assert accepts(CheckerKind.TOKENS, got, wanted) is is_equal


def infinite(text: str) -> int:
    """1 or -1 for an infinity as contest programs print it, else 0."""
    word = text.lower().lstrip("+-")
    sign = -1 if text.startswith("-") else 1
    return sign if word in ("inf", "infinity") else 0


INFINITE = ["inf", "-inf", "+inf", "Infinity", "-INFINITY", "nan", "-nan", "NaN", "0", "1e308", "x"]


@pytest.mark.parametrize("got", INFINITE)
@pytest.mark.parametrize("wanted", INFINITE)
def test_infinity_equals_infinity_of_its_sign_and_nan_nothing(got: str, wanted: str) -> None:
    is_equal = bool(infinite(wanted)) and infinite(got) == infinite(wanted)
    if not infinite(wanted) and "nan" not in wanted.lower():
        is_equal = got == wanted
    assert accepts(CheckerKind.FLOATS, got, wanted) is is_equal


LARGE_OUTPUTS: dict[str, Callable[[int], tuple[str, str]]] = {
    "equal lines": lambda n: ("12 0.25\n" * (n // 8), "12 0.25\n" * (n // 8)),
    "last line differs": lambda n: ("a\n" * (n // 2) + "b", "a\n" * (n // 2) + "c"),
    "one long integer": lambda n: ("1" * n, "1" * n + "2"),
    "digits and then a letter": lambda n: ("1" * n + "x", "1.5"),
    "a long fraction": lambda n: ("0." + "3" * n, "0.5"),
    "a long exponent": lambda n: ("1e" + "9" * n, "1.5"),
    "two long exponents": lambda n: ("1e" + "9" * n, "1e" + "8" * n),
    "underscores": lambda n: ("1" + "_" * n + "x", "1"),
    "spaces": lambda n: (" " * n + "x", "x"),
    "newlines": lambda n: ("\n" * n, ""),
    "zeros": lambda n: ("0" * n + "1", "1"),
}


@pytest.mark.parametrize("kind", KINDS.values())
@pytest.mark.parametrize("name", LARGE_OUTPUTS)
def test_time_grows_no_faster_than_the_output(kind: CheckerKind, name: str) -> None:
    """Four times the output may take at most 10 times as long; a square would take 16 times."""

    def seconds(size: int) -> float:
        output, expected = LARGE_OUTPUTS[name](size)
        started = time.process_time()
        verdict = accepts(kind, output, expected)
        taken = time.process_time() - started
        assert isinstance(verdict, bool)
        return taken

    assert seconds(160_000) < 10 * min(seconds(40_000), seconds(40_000)) + 0.05
