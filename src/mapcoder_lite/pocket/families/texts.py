"""Families about words: palindromes, runs of letters, shifted letters.

Knows: how each of them is told, planned, programmed and fed.
Does not know: how problems are split or judged.
"""

from random import Random

from mapcoder_lite.pocket.families.phrases import ANSWER, ask, if_none
from mapcoder_lite.pocket.family import (
    Draft,
    Family,
    lines,
    lines_unless_empty,
    steps_unless_empty,
)
from mapcoder_lite.pocket.words import CONSTANT, EMPTY, Choices, Wording, empty

READ_TEXT = "s = input().strip()"


def _story(w: Wording) -> str:
    return w.pick(
        "You are given a word s of lowercase letters.",
        "Alice wrote a word s of lowercase letters.",
        "A word s of lowercase letters is given.",
    )


def _spec(w: Wording) -> str:
    return w.pick("One line with the word s.", "The only line contains s.")


CENTRES = {
    "any": ("of any length", "(i, i + 1)"),
    "odd": ("of odd length", "(i,)"),
    "even": ("of even length", "(i + 1,)"),
}

MIRRORS = {
    "same": ("are the same letter", "s[l] == s[r]"),
    "kind": (
        "are both vowels or both consonants",
        '(s[l] in "aeiou") == (s[r] in "aeiou")',
    ),
    "close": (
        "are at most {k} places apart in the alphabet",
        "abs(ord(s[l]) - ord(s[r])) <= {k}",
    ),
}

BLOCK_TESTS = {
    "longer": ("are longer than {k}", "len(x) > {k}"),
    "shorter": ("are longer than 1 but not longer than {k}", "1 < len(x) <= {k}"),
    "vowel": ("begin with a vowel", 'x[0] in "aeiou"'),
    "consonant": ("end with a consonant", 'x[-1] not in "aeiou"'),
    "contains": ("contain the letter {c}", '"{c}" in x'),
    "without": (
        "are longer than 1 and do not contain the letter {c}",
        'len(x) > 1 and "{c}" not in x',
    ),
}

BLOCK_GOALS = {
    "count": ("how many there are", "len(b)"),
    "distinct": ("how many different words there are among them", "len(set(b))"),
    "longest": ("the length of the longest of them", "max(map(len, b))"),
    "shortest": ("the length of the shortest of them", "min(map(len, b))"),
    "total": ("the sum of their lengths", "sum(map(len, b))"),
    "first": ("the first of them in alphabetical order", "min(b)"),
    "last": ("the last of them in alphabetical order", "max(b)"),
}


def _palindromes(c: Choices, w: Wording) -> Draft:
    length, centres = CENTRES[str(c["centre"])]
    mirror, match = (part.format(k=c["m"]) for part in MIRRORS[str(c["mirror"])])
    words, keep = (part.format(k=c["k"], c=c["c"]) for part in BLOCK_TESTS[str(c["test"])])
    asked, printed = BLOCK_GOALS[str(c["goal"])]
    otherwise, nothing = empty(c)
    rule = w.pick(
        f"A block of consecutive letters is a mirror if every two letters at the same distance from its two ends {mirror}.",
        f"Consecutive letters are a mirror if the first and the last, the second and the last but one, and so on {mirror}.",
    )
    take = w.pick(
        f"Consider all mirrors {length} that {words}.", f"Take the mirrors {length} that {words}."
    )
    return Draft(
        statement=f"{_story(w)} {rule} {take} Mirrors at different places are counted apart. {ask(w, asked)} {if_none(w, otherwise)}",
        input_spec=_spec(w),
        output_spec=ANSWER,
        recall=f"Grow blocks {length} from each centre while the two ends {mirror}, keep those that {words} and print {asked}.",
        plan=(
            "Read s.",
            f"For each i and each r in {centres} let l be i.",
            f"While l and r are inside s and {match} let x be s[l:r + 1], then do l -= 1 and r += 1.",
            f"If {keep} append x to b.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            READ_TEXT,
            "b = []",
            "for i in range(len(s)):",
            f"    for r in {centres}:",
            "        l = i",
            f"        while l >= 0 and r < len(s) and {match}:",
            "            x = s[l:r + 1]",
            f"            if {keep}:",
            "                b.append(x)",
            "            l -= 1",
            "            r += 1",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_mirrored,
    )


JOINTS = {
    "same": ("is the same letter", "b[-1][-1] == x"),
    "kind": (
        "is a vowel like it or a consonant like it",
        '(b[-1][-1] in "aeiou") == (x in "aeiou")',
    ),
    "up": ("does not come after it in the alphabet", "b[-1][-1] <= x"),
    "down": ("does not come before it in the alphabet", "b[-1][-1] >= x"),
}
"""Name to (what the letter before x is to x, test of x and the last letter so far)."""

PIECE_TESTS = {
    "longer": ("are longer than {k}", "len(x) > {k}"),
    "shorter": ("are not longer than {k}", "len(x) <= {k}"),
    "odd": ("have odd length", "len(x) % 2 != 0"),
    "even": ("have even length", "len(x) % 2 == 0"),
    "vowel": ("begin with a vowel", 'x[0] in "aeiou"'),
    "consonant": ("begin with a consonant", 'x[0] not in "aeiou"'),
}

PIECE_FORMS = {
    "counted": ("its first letter followed by its length", "x[0] + str(len(x))"),
    "numbered": ("its length followed by its last letter", "str(len(x)) + x[-1]"),
    "letter": ("its first letter", "x[0]"),
    "ends": ("its first letter and its last letter", "x[0] + x[-1]"),
    "whole": ("the piece itself", "x"),
    "lengths": ("its length", "str(len(x))"),
}

PIECE_GOALS = {
    "joined": ("these texts joined to one word", '"".join(c)'),
    "dashes": ("these texts joined by dashes", '"-".join(c)'),
    "reversed": ("these texts in reverse order, joined to one word", '"".join(c[::-1])'),
    "sorted": ("these texts sorted by the codes of their signs, separated by spaces", "*sorted(c)"),
    "different": ("how many different texts there are", "len(set(c))"),
}


def _squeeze(c: Choices, w: Wording) -> Draft:
    joint, joins = JOINTS[str(c["joint"])]
    words, keep = (part.format(k=c["k"]) for part in PIECE_TESTS[str(c["test"])])
    form, text = PIECE_FORMS[str(c["form"])]
    asked, printed = PIECE_GOALS[str(c["goal"])]
    otherwise, nothing = empty(c)
    cut = w.pick(
        f"Cut s into pieces from left to right: a letter x joins the piece before it if the letter before x {joint}, else it begins a new piece.",
        f"The letters form pieces: x belongs to the same piece as the letter before it if that {joint}, else a new piece begins.",
    )
    take = w.pick(
        f"For each of the pieces that {words} write {form}.",
        f"Keep the pieces that {words} and replace each by a text: {form}.",
    )
    return Draft(
        statement=f"{_story(w)} {cut} {take} {ask(w, asked)} {if_none(w, otherwise)}",
        input_spec=_spec(w),
        output_spec=ANSWER,
        recall=f"Cut a word into pieces in which the letter before x {joint}, of those that {words} take {form} and print {asked}.",
        plan=(
            "Read s.",
            f"For each x in s if b and {joins} add x to b[-1], else append x to b.",
            f"Let c be {text} for each x in b with {keep}.",
            f"If c is empty print {nothing}.",
            f"Else print {printed}.",
        ),
        program=lines(
            READ_TEXT,
            "b = []",
            "for x in s:",
            f"    if b and {joins}:",
            "        b[-1] += x",
            "    else:",
            "        b.append(x)",
            f"c = [{text} for x in b if {keep}]",
            "if not c:",
            f"    print({nothing})",
            "else:",
            f"    print({printed})",
        ),
        make_input=_lumpy,
    )


SHIFTS = {
    "later": ("the letter {k} places later", "p + {k}"),
    "earlier": ("the letter {k} places earlier", "p - {k}"),
    "mirror": ("the letter that is as far from z as it is from a", "25 - p"),
    "position": ("the letter i places later, where i is its position", "p + i"),
    "back": ("the letter i places earlier, where i is its position", "p - i"),
    "twice": ("the letter at twice its place, where a has place 0", "2 * p"),
    "length": ("the letter n places later, where n is the length of s", "p + len(s)"),
}

SHIFTED = {
    "vowel": ("vowel", 'x in "aeiou"'),
    "consonant": ("consonant", 'x not in "aeiou"'),
    "before": ("letter before {c}", 'x < "{c}"'),
    "after": ("letter after {c}", 'x > "{c}"'),
    "even": ("letter at an even position", "i % 2 == 0"),
    "odd": ("letter at an odd position", "i % 2 != 0"),
    "repeated": ("letter that appears more than once", "s.count(x) > 1"),
}

OTHERS = {
    "same": ("stays as it is", "x"),
    "upper": ("is written in upper case", "x.upper()"),
    "dash": ("is replaced by a dash", '"-"'),
    "twice": ("is written twice", "x + x"),
    "gone": ("is left out", '""'),
}

CIPHER_GOALS = {
    "text": ("the new word in brackets", '"(" + "".join(b) + ")"'),
    "reversed": ("the new word in reverse, in brackets", '"(" + "".join(b)[::-1] + ")"'),
    "sorted": (
        "the signs of the new word sorted by their codes, in brackets",
        '"(" + "".join(sorted("".join(b))) + ")"',
    ),
    "letters": ("how many different signs the new word has", 'len(set("".join(b)))'),
    "vowels": (
        "how many lowercase letters a or e the new word has",
        '"".join(b).count("a") + "".join(b).count("e")',
    ),
}


def _cipher(c: Choices, w: Wording) -> Draft:
    shift, code = (part.format(k=c["k"]) for part in SHIFTS[str(c["shift"])])
    words, keep = (part.format(c=c["c"]) for part in SHIFTED[str(c["test"])])
    rest, other = OTHERS[str(c["other"])]
    asked, printed = CIPHER_GOALS[str(c["goal"])]
    put = w.pick(f"Replace every {words} by {shift}.", f"Every {words} becomes {shift}.")
    wrap = w.pick("After z comes a again.", "The alphabet goes round: a follows z.")
    return Draft(
        statement=f"{_story(w)} Positions are counted from 0. {put} {wrap} Any other letter {rest}. {ask(w, asked)}",
        input_spec=_spec(w),
        output_spec=ANSWER,
        recall=f"Replace every {words} by {shift}, any other letter {rest}, and print {asked}.",
        plan=(
            "Read s.",
            "For each i, x in enumerate(s) let p be ord(x) - 97.",
            f"If {keep} append chr(({code}) % 26 + 97) to b.",
            f"Else append {other} to b.",
            f"Print {printed}.",
        ),
        program=lines(
            READ_TEXT,
            "b = []",
            "for i, x in enumerate(s):",
            "    p = ord(x) - 97",
            f"    if {keep}:",
            f"        b.append(chr(({code}) % 26 + 97))",
            "    else:",
            f"        b.append({other})",
            f"print({printed})",
        ),
        make_input=_word,
    )


def _word(random: Random, level: int) -> str:
    n = {0: random.randint(4, 8), 1: random.randint(2, 30), 2: random.choice([1, 1, 2, 50])}[level]
    among = ["abcdefghijklmnopqrstuvwxyz", "abcdeghkmptz", "aeiou", "bcdfgxyz", "ab"]
    return "".join(random.choices(random.choice(among[: 2 if level == 0 else 5]), k=n)) + "\n"


def _mirrored(random: Random, level: int) -> str:
    """Few different letters, often the same or nearly the same backwards."""
    n = {0: random.randint(2, 4), 1: random.randint(2, 9), 2: random.choice([1, 1, 2, 10])}[level]
    among = random.choice(["ab", "abe", "abcde", "cdegkmpt", "bdfi", "aeiou"])
    half = "".join(random.choices(among, k=n))
    if level == 2 and random.random() < 0.3:
        half = half[0] * n
    near = "".join(chr(ord(x) + random.choice([0, 0, 1, 2, 3])) for x in half[::-1])
    return random.choice([half + half[::-1], half + half[-2::-1], half, half + near]) + "\n"


def _lumpy(random: Random, level: int) -> str:
    """Letters that often come several times in a row."""
    n = {0: random.randint(3, 4), 1: random.randint(2, 12), 2: random.choice([1, 1, 2, 3])}[level]
    among = random.choice(["ab", "abe", "aeiou", "bcdfg", "abcdefghij"])
    most = random.choice([2, 3, 5])
    return "".join(random.choice(among) * random.randint(1, most) for _ in range(n)) + "\n"


FAMILIES = (
    Family(
        "palindromes",
        "Mirrors",
        "centres: grow a block to both sides of each centre as long as its ends match",
        ("strings", "palindromes"),
        1500,
        {
            "centre": tuple(CENTRES),
            "mirror": tuple(MIRRORS),
            "test": tuple(BLOCK_TESTS),
            "goal": tuple(BLOCK_GOALS),
            "empty": tuple(EMPTY),
            "k": (3, 4, 5),
            "m": (1, 2, 3),
            "c": tuple("abe"),
        },
        _palindromes,
    ),
    Family(
        "squeeze",
        "Pieces",
        "run-length coding: collect letters that belong together in pieces and write each piece short",
        ("strings", "compression"),
        1300,
        {
            "joint": tuple(JOINTS),
            "test": tuple(PIECE_TESTS),
            "form": tuple(PIECE_FORMS),
            "goal": tuple(PIECE_GOALS),
            "empty": tuple(EMPTY),
            "k": (1, 2, 3),
        },
        _squeeze,
    ),
    Family(
        "cipher",
        "Secret Word",
        "shift cipher: move letters round the alphabet by means of their codes",
        ("strings", "ciphers"),
        1100,
        {
            "shift": tuple(SHIFTS),
            "test": tuple(SHIFTED),
            "other": tuple(OTHERS),
            "goal": tuple(CIPHER_GOALS),
            "k": CONSTANT,
            "c": tuple("cdegkmpt"),
        },
        _cipher,
    ),
)
