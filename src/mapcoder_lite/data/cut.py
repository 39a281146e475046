"""Tests that their source cut: Codeforces shows long texts up to a length, and then "...".

Such a text is long and ends in exactly three dots without a line end. Dots may also be genuine: a
grid of dots ends in a line end, the word "..." stands in short outputs. Seen at lengths from 258 to
514 in xCodeEval and CodeContests, both of which took their tests from that site's pages.

Knows: how a cut text looks.
Does not know: file formats.
"""

from collections.abc import Iterable, Sequence

_MIN_LENGTH = 258


def find_cuts(tests: Sequence[tuple[str, Iterable[str]]]) -> str | None:
    """Say how many tests, given as input and outputs in the file's own form, are cut; else None."""
    num_inputs = sum(_is_cut(given) for given, _ in tests)
    num_outputs = sum(any(map(_is_cut, wanted)) for _, wanted in tests)
    if num_inputs + num_outputs == 0:
        return None
    return f'{num_inputs} inputs and {num_outputs} outputs of {len(tests)} tests are cut with "..."'


def _is_cut(text: str) -> bool:
    return len(text) >= _MIN_LENGTH and text.endswith("...") and not text.endswith("....")
