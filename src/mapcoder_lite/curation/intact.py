"""Runs that may be believed: complete, graded by a trusted judge, and as they were written.

Knows: manifests, digests, the judge's self-test.
Does not know: what is made of a run.
"""

from dataclasses import dataclass
from pathlib import Path

from mapcoder_lite.errors import InputError, StoreError
from mapcoder_lite.examination import trusted_examination
from mapcoder_lite.jsonl import file_digest, read_record
from mapcoder_lite.store import Manifest, RunHeader, light_grades
from mapcoder_lite.trajectory import Grade


@dataclass(frozen=True, slots=True)
class IntactRun:
    """What a run says of itself, once it may be believed."""

    header: RunHeader
    manifest: Manifest
    grades: tuple[Grade, ...]
    """Without the results of single tests."""


def open_intact(path: Path) -> IntactRun:
    """Read a run's header, manifest and grades.

    Raises:
        InputError: it is not complete or not graded.
        SandboxError: its judge failed the self-test, or was never examined.
        StoreError: it is no run directory, or a file was changed after the run.
    """
    if path.is_dir() and not (path / "manifest.json").exists():
        raise InputError(f"{path} is not a complete run: give its command again to finish it")
    header = read_record(path / "config.json", RunHeader)
    grades = tuple(light_grades(path))
    if not grades:
        raise InputError(
            f"{path} is not graded, so nobody knows what passed: run it with run.hidden_tests set"
        )
    trusted_examination(path)
    manifest = read_record(path / "manifest.json", Manifest)
    _refuse_changed_files(path, manifest)
    return IntactRun(header, manifest, grades)


def _refuse_changed_files(path: Path, manifest: Manifest) -> None:
    for name, written in manifest.digests.items():
        try:
            found = file_digest(path / name)
        except OSError as error:
            raise StoreError(f"cannot read {path / name}: {error.strerror}") from error
        if found != written:
            raise StoreError(
                f"{path / name} is not the file that the run's manifest speaks of: it was changed "
                "after the run; restore it, or give the run's command again"
            )
