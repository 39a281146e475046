"""Placeholder: the real room replaces this file when the branches are merged.

Knows: nothing yet.
Does not know: grammars.
"""

from mapcoder_lite.grammar import Grammar


def to_gbnf(grammar: Grammar) -> str:
    """Return a text that differs for every grammar."""
    return grammar.model_dump_json()
