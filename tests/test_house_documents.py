"""The documents name only what exists: files, make targets, verbs, settings.

Knows: how names stand in the documents.
Does not know: what the documents mean.
"""

import re

import pytest

from mapcoder_lite.config import known_settings
from source_tree import PACKAGE, ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]

PATH = re.compile(r"(?:src|tests|docs|benchmarks|configs|examples)/[\w./-]*\w")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_named_files_exist(document) -> None:
    text = document.read_text(encoding="utf-8")
    named = {path for path in PATH.findall(re.sub(r"\S*<\w+>\S*", "", text)) if "://" not in path}
    assert named, "no file is named: the pattern is broken"
    missing = sorted(path for path in named if not (ROOT / path).exists())
    assert not missing, f"{document.name} names {missing}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_named_targets_exist(document) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", document.read_text(), re.MULTILINE))
    assert {"test", "check"} <= named | targets
    assert named <= targets, f"{document.name} names {sorted(named - targets)}"


def test_the_named_verbs_are_those_that_exist() -> None:
    from mapcoder_lite.cli import GROUPS, VERBS

    verbs = {verb.__name__.replace("_", "-") for verb in VERBS} | {name for name, _ in GROUPS}
    text = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    named = set(re.findall(r"(?:`|bin/)mapcoder ([a-z][a-z-]*)", text))
    assert named - verbs == set(), "named but missing"
    assert verbs - named == set(), "there but not in the README"


def test_the_named_settings_exist() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    sections = "|".join({name.partition(".")[0] for name in known_settings()})
    named = set(re.findall(rf"\b((?:{sections})\.[a-z_]+)=", text))
    assert "engine.kind" in named
    assert named <= set(known_settings())


def test_no_path_of_a_machine_is_written_down() -> None:
    files = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.j2"), *DOCUMENTS, ROOT / "Makefile"]
    strangers = [
        f"{path.relative_to(ROOT)}: {found}"
        for path in files
        for found in re.findall(r"/(?:work|root|home)/\w+", path.read_text(encoding="utf-8"))
    ]
    assert not strangers, "\n".join(strangers)
