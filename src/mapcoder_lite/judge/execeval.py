"""The comparison behind the published verdicts, faults included, to reproduce their numbers.

Knows: ExecEval's rule: 129-bit numbers within 1e-12, nan equal to any number (paper.md 1.5).
Does not know: our own scores, which never use it.
"""

import re
from fractions import Fraction

from mapcoder_lite.problem import Limits

PRECISION_BITS = 129
TOLERANCE = Fraction(1e-12)
MAX_EXPONENT = 1073741823
"""Binary; larger numbers are infinite, smaller ones zero."""

MAX_DIGITS = 4000
"""Of a mantissa; whether the rest is nothing still counts. Keeps a huge token from taking a
quadratic time; the result differs only if all these digits are those of a tie."""
MAX_EXPONENT_DIGITS = 12
WORKING_BITS = 4096
"""Of powers of five: exact up to 5**1764, where any tie of short tokens is; beyond that far more
exact than the result."""
FAR_BITS = 600
"""Above this binary exponent two numbers differ by much or not at all; below its negative, a
number is nothing beside the tolerance."""

_YES_NO = frozenset(("yes", "no", "true", "false"))
_SPECIAL = re.compile(r"([+-]?)(?:(?:@(nan)@|(nan))(?:\([a-z0-9]*\))?|@inf@|inf(?:inity)?)", re.I)
_DECIMAL = re.compile(r"([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:[eE@]([+-]?\d+))?", re.ASCII)
_BINARY = re.compile(r"([+-]?)0[bB]([01]+(?:\.[01]*)?|\.[01]+)(?:[pPeE@]([+-]?[0-9]+))?")
_HEXADECIMAL = re.compile(
    r"([+-]?)0[xX]([\da-fA-F]+(?:\.[\da-fA-F]*)?|\.[\da-fA-F]+)(?:([pP@])([+-]?\d+))?", re.ASCII
)

MEMORY_BYTES = 2 << 30

NAN, PLUS_INFINITY, MINUS_INFINITY = "nan", "+inf", "-inf"
Number = tuple[int, int] | str
"""An odd mantissa of at most 129 bits and a binary exponent, zero as (0, 0); or a special."""


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
    if NAN in (a, b) or a == b:
        return False
    if isinstance(a, str) or isinstance(b, str) or max(_top(a), _top(b)) > FAR_BITS:
        return True
    near = [number for number in (a, (-b[0], b[1])) if _top(number) > -FAR_BITS]
    lowest = min((exponent for _, exponent in near), default=0)
    difference = sum(mantissa << (exponent - lowest) for mantissa, exponent in near)
    mantissa, exponent = round_to_precision(difference, lowest)
    return abs(mantissa) * Fraction(2) ** exponent > TOLERANCE


def parse_number(token: str) -> Number | None:
    """Read a token as gmpy2.mpfr does: underscores dropped, decimal, 0x and 0b, inf, nan."""
    token = token.replace("_", "")
    if not token:
        return 0, 0  # underscores alone
    if special := _SPECIAL.fullmatch(token):
        if special[2] or special[3]:
            return NAN
        return MINUS_INFINITY if special[1] == "-" else PLUS_INFINITY
    if decimal := _DECIMAL.fullmatch(token):
        return _number(decimal[1], decimal[2], 10, decimal[3], is_binary_exponent=False)
    if binary := _BINARY.fullmatch(token):
        return _number(binary[1], binary[2], 2, binary[3], is_binary_exponent=True)
    if found := _HEXADECIMAL.fullmatch(token):
        return _number(found[1], found[2], 16, found[4], is_binary_exponent=found[3] != "@")
    return None


def _number(
    sign: str, mantissa: str, base: int, exponent: str | None, *, is_binary_exponent: bool
) -> Number:
    """Round mantissa x base**exponent; the exponent is of two where it is binary."""
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return 0, 0
    is_negative_power = (exponent or "").startswith("-")
    power_digits = (exponent or "0").lstrip("+-").lstrip("0") or "0"
    if len(power_digits) > MAX_EXPONENT_DIGITS:
        return (0, 0) if is_negative_power else _infinity(sign)
    power = -int(power_digits) if is_negative_power else int(power_digits)
    kept, rest = digits[:MAX_DIGITS], digits[MAX_DIGITS:]
    scale = len(rest) - len(fraction)
    if rest.strip("0"):
        kept, scale = kept + "1", scale - 1
    value = int(kept, base)
    if base == 10:
        return _signed(sign, *_times_power_of_ten(value, power + scale))
    bits = base.bit_length() - 1
    return _signed(sign, value, bits * scale + (power if is_binary_exponent else bits * power))


def _times_power_of_ten(value: int, power: int) -> tuple[int, int]:
    """Return mantissa and binary exponent, more exact than the precision."""
    if abs(power) > 4 * MAX_EXPONENT:
        return value, power  # out of range either way
    five, exponent = _power_of_five(abs(power))
    if power >= 0:
        return value * five, exponent + power
    shift = max(0, PRECISION_BITS + 8 + five.bit_length() - value.bit_length())
    quotient, rest = divmod(value << shift, five)
    return quotient << 1 | bool(rest), power - exponent - shift - 1


def _power_of_five(power: int) -> tuple[int, int]:
    mantissa, exponent = 1, 0
    for bit in f"{power:b}":
        mantissa, exponent = mantissa * mantissa * (5 if bit == "1" else 1), 2 * exponent
        excess = max(0, mantissa.bit_length() - WORKING_BITS)
        mantissa, exponent = mantissa >> excess, exponent + excess
    return mantissa, exponent


def _signed(sign: str, mantissa: int, exponent: int) -> Number:
    rounded = round_to_precision(-mantissa if sign == "-" else mantissa, exponent)
    if _top(rounded) > MAX_EXPONENT:
        return _infinity(sign)
    return rounded if _top(rounded) > -MAX_EXPONENT else (0, 0)


def _infinity(sign: str) -> Number:
    return MINUS_INFINITY if sign == "-" else PLUS_INFINITY


def _top(number: tuple[int, int]) -> int:
    """The binary exponent of its first bit."""
    return number[0].bit_length() + number[1] if number[0] else -2 * MAX_EXPONENT


def round_to_precision(mantissa: int, exponent: int) -> tuple[int, int]:
    """Round mantissa x 2**exponent to 129 significant bits, half to even, the mantissa odd."""
    excess = abs(mantissa).bit_length() - PRECISION_BITS
    if excess > 0:
        mantissa, exponent = round(Fraction(mantissa, 1 << excess)), exponent + excess
    if not mantissa:
        return 0, 0
    zeros = (mantissa & -mantissa).bit_length() - 1
    return mantissa >> zeros, exponent + zeros
