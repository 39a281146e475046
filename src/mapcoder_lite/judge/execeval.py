"""The comparison behind the published verdicts, faults included, to reproduce their numbers.

Knows: ExecEval's rule: 129-bit numbers within 1e-12, nan equal to any number (paper.md 1.5).
Does not know: our own scores, which never use it.
"""

import re
from decimal import Decimal
from fractions import Fraction

from mapcoder_lite.problem import Limits

PRECISION_BITS = 129
TOLERANCE = Fraction(1e-12)
MAX_EXACT_EXPONENT = 5000
"""Decimal exponents beyond this are not expanded: a difference there is plain without rounding."""

_YES_NO = frozenset(("yes", "no", "true", "false"))
_DECIMAL = re.compile(r"([+-]?)(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE@]([+-]?\d+))?")
_PREFIXED = re.compile(r"([+-]?)0([xX][0-9a-fA-F]+|[bB][01]+)")
_SPECIAL = re.compile(r"([+-]?)@?(inf|nan)(?:inity)?@?", re.I)

MEMORY_BYTES = 2 << 30

NAN, PLUS_INFINITY, MINUS_INFINITY = "nan", "+inf", "-inf"
Number = Fraction | str
"""A finite number rounded to 129 bits, or one of the three specials."""


def limits_of(cpu_seconds: float) -> Limits:
    """Return the limits behind the published verdicts, given those of a language."""
    return Limits(cpu_seconds=cpu_seconds, memory_bytes=MEMORY_BYTES)


def normalise(text: bytes) -> str:
    """Decode ignoring errors, drop carriage returns, strip."""
    return text.decode("utf-8", "ignore").replace("\r", "").strip()


def is_equal(output: bytes, expected: bytes) -> bool:
    """Whether the published verdicts would call the outputs equal."""
    got, wanted = normalise(output), normalise(expected)
    got_lines, wanted_lines = got.split("\n"), wanted.split("\n")
    if len(got_lines) == len(wanted_lines):
        pairs = zip(got_lines, wanted_lines, strict=True)
        if all(a.strip() == b.strip() for a, b in pairs):
            return True
    got_tokens, wanted_tokens = got.split(), wanted.split()
    if len(got_tokens) != len(wanted_tokens):
        return False
    return all(is_token_equal(a, b) for a, b in zip(got_tokens, wanted_tokens, strict=True))


def is_token_equal(got: str, wanted: str) -> bool:
    """Numbers within 1e-12, other tokens as text, yes/no/true/false in any case."""
    if got == wanted:
        return True
    a, b = parse_number(got), parse_number(wanted)
    if a is not None and b is not None:
        return not _is_further_apart(a, b)
    return got.lower() in _YES_NO and got.lower() == wanted.lower()


def _is_further_apart(a: Number, b: Number) -> bool:
    """|a - b| > 1e-12 as MPFR says: a comparison with nan is false, inf - inf is nan."""
    if a == NAN or b == NAN:
        return False
    if isinstance(a, str) or isinstance(b, str):
        return a != b
    return abs(round_to_precision(a - b)) > TOLERANCE


def parse_number(token: str) -> Number | None:
    """Read a token as gmpy2.mpfr does: decimal, 0x and 0b prefixes, underscores, inf, nan."""
    if special := _SPECIAL.fullmatch(token):
        if special[2].lower() == "nan":
            return NAN
        return MINUS_INFINITY if special[1] == "-" else PLUS_INFINITY
    if prefixed := _PREFIXED.fullmatch(token):
        magnitude = int(prefixed[2][1:], 16 if prefixed[2][0] in "xX" else 2)
        return round_to_precision(Fraction(-magnitude if prefixed[1] == "-" else magnitude))
    if decimal := _DECIMAL.fullmatch(token):
        mantissa = decimal[1] + decimal[2].replace("_", "")
        return _decimal_to_number(mantissa, int(decimal[3] or 0))
    return None


def _decimal_to_number(mantissa: str, exponent: int) -> Number:
    if abs(exponent) <= MAX_EXACT_EXPONENT:
        return round_to_precision(Fraction(Decimal(mantissa)) * Fraction(10) ** exponent)
    if exponent < 0 or not Decimal(mantissa):
        return Fraction(0)
    return MINUS_INFINITY if mantissa.startswith("-") else PLUS_INFINITY


def round_to_precision(value: Fraction) -> Fraction:
    """Round to 129 significant bits, half to even."""
    if not value:
        return value
    magnitude = abs(value)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    if Fraction(2) ** exponent > magnitude:
        exponent -= 1
    scale = Fraction(2) ** (PRECISION_BITS - 1 - exponent)
    return Fraction(round(value * scale)) / scale
