"""The rule of the published verdicts, faults included."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcoder_lite.judge.execeval import PRECISION_BITS, is_equal, round_to_precision


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


@settings(deadline=None)  # a busy machine is no fault of a rule
@given(st.fractions())
def test_rounding_keeps_129_bits(value: Fraction) -> None:
    rounded = round_to_precision(value)
    assert abs(rounded - value) <= abs(value) / 2**PRECISION_BITS
    assert round_to_precision(rounded) == rounded
