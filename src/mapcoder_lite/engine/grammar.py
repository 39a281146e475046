"""A grammar in the dialects that engines read: Lark for llguidance, GBNF for servers.

Both say the same. In Lark a free text and its end are one terminal, which costs a matcher least.
GBNF has no terminals and no "anything but", so there the text is a small automaton: one rule a
prefix of a word that may not stand in it.

Knows: the two dialects, how words are kept out of a text.
Does not know: which grammar belongs to which reply, tokens, servers.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from mapcoder_lite.grammar import Fixed, Free, Grammar, Part, Whole

_SPACE = r" \t\r\n"
_ESCAPES = {"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"}


def to_lark(grammar: Grammar) -> str:
    """Return the grammar in llguidance's dialect of Lark."""
    names: list[str] = []
    # Otherwise only one way to cut fixed text into tokens would be allowed, and a reply that keeps
    # the layout by itself could be changed.
    lines = ['%llguidance {"no_forcing": true}']
    for number, part in enumerate(grammar.parts):
        names.append(f"PART{number}")
        lines.append(f"PART{number}: {_terminal(part)}")
    return "\n".join([*lines, f"start: {' '.join(names)}"]) + "\n"


def to_gbnf(grammar: Grammar) -> str:
    """Return the grammar in GBNF, as llama-server, vLLM and SGLang read it."""
    names: dict[Part, str] = {}
    rules: list[str] = []
    for part in grammar.parts:
        if isinstance(part, Free) and part not in names:
            names[part] = f"free{len(names)}"
            rules += _text_rules(names[part], part)
    root = " ".join(_in_root(part, names) for part in grammar.parts)
    return "\n".join([f"root ::= {root}", *rules]) + "\n"


def _terminal(part: Part) -> str:
    if isinstance(part, Fixed):
        return json.dumps(part.text, ensure_ascii=False)
    if isinstance(part, Whole):
        return f"/{'|'.join(_numbers(part))}/"
    text = ["/(?s:.*)/"]
    if part.is_filled:
        text.append(f"~/[{_SPACE}]*/")
    words = "|".join("".join(f"[{_cases(c)}]" for c in word) for word in part.without)
    text.append(f"~/(?s:.*)({words})(?s:.*)/")
    return f"({' & '.join(text)}) {json.dumps(part.until, ensure_ascii=False)}"


def _in_root(part: Part, names: dict[Part, str]) -> str:
    if isinstance(part, Fixed):
        return _literal(part.text)
    if isinstance(part, Whole):
        return f"({' | '.join(_numbers(part))})"
    return f"{names[part]} {_literal(part.until)}"


def _literal(text: str) -> str:
    inner = "".join(_ESCAPES.get(c, '\\"' if c == '"' else c) for c in text)
    return f'"{inner}"'


def _text_rules(name: str, part: Free) -> Iterator[str]:
    """Yield the rules of a text: each takes one character and names the rule of what follows.

    The rule of a prefix holds where the text so far ends in that prefix, and in no longer one.
    """
    words = [word.lower() for word in part.without]
    prefixes = ["", *sorted({word[:end] for word in words for end in range(1, len(word))})]
    rules = {prefix: f"{name}-{number}" for number, prefix in enumerate(prefixes)}
    if part.is_filled:  # no word begins with white space, so before the text any of it may stand
        yield f"{name} ::= [{_SPACE}] {name} | {_choices('', words, rules, besides=_SPACE)}"
    else:
        yield f"{name} ::= {rules['']}"
    for prefix, rule in rules.items():
        yield f"{rule} ::= ({_choices(prefix, words, rules)})?"


def _choices(prefix: str, words: Sequence[str], rules: Mapping[str, str], besides: str = "") -> str:
    """Return the characters that may follow a prefix, each with the rule then reached."""
    near = {c: _next_prefix(prefix + c, words) for c in sorted(set("".join(words)))}
    listed = [f"[{_cases(c)}] {rules[then]}" for c, then in near.items() if then]
    told_apart = "".join(c for c, then in near.items() if then != "")
    return " | ".join([f"[^{besides}{_cases(told_apart)}] {rules['']}", *listed])


def _next_prefix(text: str, words: Sequence[str]) -> str | None:
    """Return the longest end of the text that begins a word; None where a word is complete."""
    if any(text.endswith(word) for word in words):
        return None
    ends = (text[start:] for start in range(len(text) + 1))
    return next(end for end in ends if any(word.startswith(end) for word in words))


def _cases(characters: str) -> str:
    """Return what stands between brackets for these characters in either case."""
    every = sorted({*characters.lower(), *characters.upper()})
    return "".join(c if c.isalnum() or c in "<!" else f"\\x{ord(c):02x}" for c in every)


def _numbers(part: Whole) -> Iterator[str]:
    """Yield patterns, such as `[1-9][0-9]`, that together match the numbers of a range."""
    for length in range(len(str(part.low)), len(str(part.high)) + 1):
        low = max(part.low, 10 ** (length - 1) if length > 1 else 0)
        high = min(part.high, 10**length - 1)
        yield from _same_length(str(low), str(high))


def _same_length(low: str, high: str) -> Iterator[str]:
    any_rest = "[0-9]" * (len(low) - 1)
    zeros, nines = "0" * (len(low) - 1), "9" * (len(low) - 1)
    first, last = int(low[0]), int(high[0])
    if low[1:] == zeros and high[1:] == nines:
        yield _digit(first, last) + any_rest
    elif first == last:
        yield from (_digit(first, first) + rest for rest in _same_length(low[1:], high[1:]))
    else:
        yield from _same_length(low, low[0] + nines)
        if first + 1 < last:
            yield _digit(first + 1, last - 1) + any_rest
        yield from _same_length(high[0] + zeros, high)


def _digit(first: int, last: int) -> str:
    return f"[{first}]" if first == last else f"[{first}-{last}]"
