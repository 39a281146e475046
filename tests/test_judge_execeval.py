"""The rule of the published verdicts, faults included."""

import contextlib
import json
import time
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execeval_oracle import GOLDEN, TOKENS, golden
from execeval_oracle import is_equal as published_is_equal
from mapcoder_lite.judge.execeval import (
    PRECISION_BITS,
    is_equal,
    is_token_equal,
    round_to_precision,
)


@pytest.mark.parametrize(
    ("output", "expected", "equal"),
    [
        ("a\r\nb", "a\nb\n", True),
        (" a \n b", "a\nb", True),
        ("a b", "a\nb", True),
        ("1 2", "1 2 3", False),
        ("1.0", "1", True),
        ("1.0000000000001", "1", True),
        ("1.00000000001", "1", False),
        ("nan", "7", True),
        ("nan", "word", False),
        ("inf", "inf", True),
        ("inf", "-inf", False),
        ("inf", "1e300", False),
        ("0x10", "16", True),
        ("1_0", "10", True),
        ("0b101", "5", True),
        ("9007199254740993", "9007199254740992", False),  # 2**53: plain floats would merge them
        (str(2**130 + 1), str(2**130), True),  # rounded to 129 bits
        (str(2**128 + 1), str(2**128), False),
        ("yes", "YES", True),
        ("abc", "ABC", False),
        ("1e999999999", "1e999999999", True),
        ("1e999999999", "2", False),
        ("1e-999999999", "0", True),
        ("", "", True),
    ],
)
def test_rule(output: str, expected: str, equal: bool) -> None:
    assert is_equal(output.encode(), expected.encode()) is equal


def test_undecodable_bytes_are_ignored() -> None:
    assert is_equal(b"\xff3\xfe", b"3")


@given(st.integers(), st.integers(-3000, 3000))
def test_rounding_keeps_129_bits(mantissa: int, exponent: int) -> None:
    value = mantissa * Fraction(2) ** exponent
    kept, power = round_to_precision(mantissa, exponent)
    rounded = kept * Fraction(2) ** power
    assert kept.bit_length() <= PRECISION_BITS
    assert kept % 2 or not kept
    assert abs(rounded - value) <= abs(value) / 2**PRECISION_BITS
    assert round_to_precision(kept, power) == (kept, power)


@given(st.integers(2**128, 2**129 - 1), st.integers(1, 50))
def test_halves_round_to_even(kept: int, shift: int) -> None:
    half = 1 << (shift - 1)
    even = kept + kept % 2
    low, tie, high = ((kept << shift) + half + step for step in (-1, 0, 1))
    assert round_to_precision(tie, 0) == round_to_precision(even << shift, 0)
    if shift > 1:
        assert round_to_precision(low, 0) == round_to_precision(kept << shift, 0)
        assert round_to_precision(high, 0) == round_to_precision((kept + 1) << shift, 0)


GOLD = json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_every_pair_of_tokens_is_compared_as_gmpy2_does() -> None:
    assert GOLD["tokens"] == list(TOKENS)
    for got, row in zip(TOKENS, GOLD["equal"], strict=True):
        found = "".join(str(int(is_token_equal(got, wanted))) for wanted in TOKENS)
        assert found == row, f"{got[:40]} against {differing(found, row)}"


def differing(found: str, row: str) -> list[str]:
    pairs = zip(TOKENS, found, row, strict=True)
    return [token[:40] for token, ours, theirs in pairs if ours != theirs]


def test_the_golden_pairs_are_gmpy2s() -> None:
    pytest.importorskip("gmpy2", reason="gmpy2 is not installed; the golden pairs were made by it")
    assert golden()["equal"] == GOLD["equal"]


written = st.one_of(
    st.text("0123456789.eE+-_xXbBpP@anif", min_size=1, max_size=10),
    st.from_regex(r"-?[0-9]{1,50}(\.[0-9]{1,50})?(e-?[0-9]{1,4})?", fullmatch=True),
    st.from_regex(r"0x[0-9a-f]{1,45}(\.[0-9a-f]{1,9})?(p-?[0-9]{1,3})?", fullmatch=True),
    st.integers(2**129, 2**131).map(lambda n: str(n << 7)),
    st.floats().map(repr),
)


@settings(deadline=None, max_examples=500)
@given(written, written, st.sampled_from(["0", "1e-12", "-1e-12", "1.1e-12", "1e-13"]))
def test_tokens_are_compared_as_gmpy2_does(got: str, other: str, step: str) -> None:
    pytest.importorskip("gmpy2", reason="gmpy2 is not installed")
    assert is_token_equal(got, other) is published_is_equal(got, other)
    with contextlib.suppress(ArithmeticError):
        near = str(Decimal(got.replace("_", "")) + Decimal(step))
        assert is_token_equal(got, near) is published_is_equal(got, near)


@pytest.mark.parametrize(
    "token",
    ["1" * 2_000_000, "1" * 2_000_000 + "x", "0." + "3" * 2_000_000, "1e" + "9" * 2_000_000],
)
def test_a_huge_token_takes_no_time_and_no_limit(token: str) -> None:
    started = time.process_time()
    assert not is_token_equal(token, "7")
    assert is_token_equal(token, "nan") is (not token.endswith("x"))
    assert time.process_time() - started < 5.0
