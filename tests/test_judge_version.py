"""Whoever changes how the judge comes to its verdicts decides whether its version must rise."""

import ast
import hashlib
from pathlib import Path

from mapcoder_lite.verdict import JUDGE_VERSION
from source_tree import PACKAGE, name_of, tree

WITHOUT_A_SAY = {
    "judge/cache.py": "keeps what compilers made under all that it depends on",
    "judge/calibration.py": "measures the machine; every judgement records the factor",
    "judge/known.py": "programs that examine the judge",
    "judge/selftest.py": "examines the judge",
    "judge/versions.py": "words for a person",
    "judge/filters/generate.py": "made the filters, which are covered themselves",
}
RULES = (1, "72a541bf07bfa087")
"""The version and the digest of the rules that it names. If this test fails, judging was changed:
where any program could get another verdict, raise JUDGE_VERSION; put both numbers here."""


def rules() -> str:
    """Digest of the judge's code without docstrings and comments, and of its filters."""
    found = hashlib.sha256()
    for path in sorted((PACKAGE / "judge").rglob("*")):
        if name_of(path) in WITHOUT_A_SAY or path.suffix not in {".py", ".bpf"}:
            continue
        found.update(f"{name_of(path)}\0".encode())
        found.update(_code(path) if path.suffix == ".py" else path.read_bytes())
    return found.hexdigest()[:16]


def _code(path: Path) -> bytes:
    """Its lines but docstrings, blanks and comments; the same under every Python."""
    kept = dict(enumerate(path.read_text(encoding="utf-8").split("\n"), start=1))
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                kept.pop(number, None)
    lines = [line.rstrip() for line in kept.values()]
    return "\n".join(line for line in lines if line and line.lstrip()[0] != "#").encode()


def test_the_version_names_these_rules() -> None:
    assert (JUDGE_VERSION, rules()) == RULES


def test_what_has_no_say_is_still_there() -> None:
    assert [name for name in WITHOUT_A_SAY if not (PACKAGE / name).exists()] == []
