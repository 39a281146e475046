"""Sentences and options that families of different rooms share: what is kept, asked, left.

Knows: their wordings.
Does not know: families.
"""

from mapcoder_lite.pocket.words import Wording

ANSWER = "Print the answer on one line."
AMOUNTS = ("even", "odd", "divisible", "not_divisible", "greater", "less", "at_least", "at_most")
"""Conditions on numbers that are not negative."""
SET_TOTALS = ("sum", "largest", "smallest", "count", "distinct", "range", "sorted", "descending")
"""Totals that do not depend on an order."""


def kept(w: Wording, words: str) -> str:
    """Say which of some values go on."""
    return w.pick(f"Keep the values that are {words}.", f"Consider the values that are {words}.")


def ask(w: Wording, asked: str) -> str:
    """Say what to print."""
    return w.pick(f"Print {asked}.", f"Output {asked}.", f"Find {asked}.")


def if_none(w: Wording, otherwise: str) -> str:
    """Say what to print when nothing is left."""
    return w.pick(f"If there are none, {otherwise}.", f"If nothing is kept, {otherwise}.")
