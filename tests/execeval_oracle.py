"""The published comparison of two tokens, said by gmpy2 itself; makes tests/golden/execeval.json.

Run with gmpy2 installed: PYTHONPATH=src:tests python tests/execeval_oracle.py

Knows: which tokens are worth comparing, how gmpy2 compares them.
Does not know: our own rule.
"""

import json
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden" / "execeval.json"
PRECISION_BITS = 129

WRITTEN = """
0 -0 1 1.0 01 +1 1. 1e0 1E0 1@0 10 1e1 1_0 _1 1__0 1e1_0 10000000000 .5 0.5 5e-1 5@-1
-.5 . 1e 1e+ e5 --1 0x10 0X1p4 16 0x1@1 0x1.8 1.5 0b11 0B1.1 0b1e1 2 3 0x 0b2
1.0000000000009 1.0000000000011 1.000000000001 0.999999999999 1e-12 1e-13 nan NaN -nan
@nan@ nan(1) inf -inf +INF infinity @inf@ inf(1) 1e300 1e5000 2e5000 10e5999 1e6000
1e-6000 1e300000000 2e300000000 1e323228496 1e323228497 -1e999999999 1e-999999999
9007199254740992 9007199254740993 yes YES Yes no true TRUE abc ABC _ ___ _x 0x_1 ١ 1,0
"""
TOKENS = (
    *WRITTEN.split(),
    str(2**128),
    str(2**128 + 1),
    str(2**130),
    str(2**130 + 1),
    str(2**130 + 2),
    str(2**130 + 6),
    str(3 * 2**129 + 1),
    "7" * 5000,
    "7" * 4999 + "8",
    "1e" + "9" * 30,
    "1e-" + "9" * 30,
)


def number(token: str) -> object:
    """Read a token as the published judge does; None when it is no number."""
    import gmpy2

    try:
        return gmpy2.mpfr(token, PRECISION_BITS)
    except ValueError:
        return None


def is_equal(got: str, wanted: str) -> bool:
    """Whether the published verdicts would call two tokens equal."""
    import gmpy2

    with gmpy2.context(precision=PRECISION_BITS):
        a, b = number(got), number(wanted)
        if got == wanted:
            return True
        if a is None or b is None:
            return got.lower() in ("yes", "no", "true", "false") and got.lower() == wanted.lower()
        return not abs(a - b) > 1e-12


def golden() -> dict[str, object]:
    """Compare every token with every other; a row of 0 and 1 for each."""
    import gmpy2

    rows = ["".join(str(int(is_equal(got, wanted))) for wanted in TOKENS) for got in TOKENS]
    made_with = f"gmpy2 {gmpy2.version()}, {gmpy2.mpfr_version()}"
    return {"made_with": made_with, "tokens": list(TOKENS), "equal": rows}


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(golden(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
