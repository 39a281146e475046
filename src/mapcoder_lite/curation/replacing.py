"""A folder is replaced whole or not at all, also under a kill.

Knows: the two renames by which a new folder takes an old one's place.
Does not know: what lies in the folder, whether it may be replaced.
"""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


def put_back(folder: Path) -> None:
    """Undo the first of the two renames by which a folder is replaced, if a kill came between."""
    old = _set_aside(folder)
    if old.exists() and not folder.exists():
        old.rename(folder)


@contextmanager
def replaced(folder: Path) -> Generator[Path]:
    """Within, the new folder is filled beside the old one; at the end it takes its place."""
    fresh, old = folder.with_name(f".{folder.name}.new"), _set_aside(folder)
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    yield fresh
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _set_aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")
