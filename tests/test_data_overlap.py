"""Overlap: copies are found whatever their dress, strangers never."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcoder_lite.data.nearness import NearTexts, words_of
from mapcoder_lite.data.overlap import OverlapIndex
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Problem

WORDS = st.lists(st.sampled_from([f"w{n}" for n in range(400)]), min_size=1, max_size=60)
MARKS = st.sampled_from([" ", ", ", "\n", " — ", "**", " $", "  . "])


def index_of(*statements: str, ngram_words: int = 8) -> OverlapIndex:
    index = OverlapIndex(ngram_words)
    index.add("set", [Problem(id=f"e{n}", statement=text) for n, text in enumerate(statements)])
    return index


@settings(max_examples=60, deadline=None)
@given(words=WORDS, before=WORDS, after=WORDS, mark=MARKS)
def test_a_copy_is_found_whatever_case_marks_and_company(words, before, after, mark):
    index = index_of(" ".join(words), "quite another text that nobody copied anywhere at all today")
    dressed = mark.join([*before, *map(str.upper, words), *after])
    found = index.contained(dressed)
    assert found is not None
    assert (found.problem_id, found.score) == ("e0", 1.0)
    whole = index.similar(mark.join(map(str.upper, words)))
    assert whole is not None
    assert (whole.problem_id, whole.score) == ("e0", 1.0)


@settings(max_examples=60, deadline=None)
@given(words=WORDS, others=st.lists(st.sampled_from([f"v{n}" for n in range(50)]), max_size=60))
def test_texts_without_a_common_word_never_overlap(words, others):
    index = index_of(" ".join(words))
    assert index.contained(" ".join(others)) is None
    assert index.similar(" ".join(others)) is None


@settings(max_examples=60, deadline=None)
@given(words=WORDS, cut=st.integers(0, 60), size=st.integers(1, 12))
def test_containment_is_the_share_of_n_grams_that_are_held(words, cut, size):
    index = index_of(" ".join(words), ngram_words=size)
    part = words[:cut]
    length = min(size, len(words))
    grams = {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}
    held = {tuple(part[i : i + length]) for i in range(len(part) - length + 1)}
    found = index.contained(" ".join(part))
    assert (found.score if found else 0.0) == pytest.approx(len(grams & held) / len(grams))


def test_the_excerpt_is_the_longest_common_run():
    index = index_of("alpha beta gamma delta epsilon zeta", ngram_words=2)
    found = index.contained("alpha beta x gamma delta epsilon y zeta")
    assert found is not None
    assert found.excerpt == "gamma delta epsilon"
    assert found.score == pytest.approx(3 / 5)


def test_a_statement_without_words_is_refused():
    with pytest.raises(InputError, match="holds no word"):
        index_of("* * *")


def test_likeness_falls_with_every_word_that_differs():
    words = [f"w{n}" for n in range(300)]
    texts = NearTexts(0.3)
    texts.add(0, words)
    scores = []
    for changed in (0, 5, 20):
        other = [
            f"x{n}" if n % 15 == 0 and n // 15 < changed else word for n, word in enumerate(words)
        ]
        scores.append(texts.similar(other).get(0, 0.0))
    assert scores[0] == 1.0 > scores[1] > scores[2] > 0.3
    assert texts.similar([f"x{n}" for n in range(300)]) == {}


def test_words_are_alike_in_every_script_and_form():
    assert words_of("Straße, ﬁne — ２ apples") == words_of("STRASSE fine 2 APPLES")
    assert words_of("Дан массив") == ["дан", "массив"]
    assert words_of("!?") == []
