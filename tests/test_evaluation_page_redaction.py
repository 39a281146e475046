"""Keys and home folders are known by their look, and nothing else is."""

from pathlib import Path

import pytest

from mapcoder_lite.evaluation.page.redaction import HIDDEN, redacted, redacted_within


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("key=sk-proj-AbCdEfGhIjKlMnOpQrSt12", f"key={HIDDEN}"),
        ("hf_abcdefghijklmnopqrstuvwxyz", HIDDEN),
        ("file:///home/mary/keys", "file://~/keys"),
        ("Authorization: Bearer abcdefghijklmnop.qrs", f"Authorization: Bearer {HIDDEN}"),
        ("http://mary:secret@host/v1", f"http://{HIDDEN}@host/v1"),
        ("open /home/mary/a.py and /Users/tom/b", "open ~/a.py and ~/b"),
        (r"C:\Users\Mary\a", r"~\a"),
        (f"{Path.home()}/runs", "~/runs"),
    ],
)
def test_a_secret_is_known_by_its_look(secret: str, shown: str):
    assert redacted(secret) == shown


@pytest.mark.parametrize(
    "text",
    [
        "<root>\n<problem>1 / 2</problem>\n</root>",
        "a = b / home / c  # sk-learn",
        "x = 'https://host:80/a@b'",
        "print(*task-1000000000000000000)",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str):
    assert redacted(text) == text


def test_a_record_is_redacted_throughout():
    key = "hf_abcdefghijklmnopqrstuvwxyz"
    record = {"n": 1, "tags": [key, "dp"], "deep": ({key: [f"is {key}"]}, None, True)}
    assert redacted_within(record) == {
        "n": 1,
        "tags": [HIDDEN, "dp"],
        "deep": [{key: [f"is {HIDDEN}"]}, None, True],
    }
