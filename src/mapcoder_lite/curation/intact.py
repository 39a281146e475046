"""Whether the files of a run are those that its manifest speaks of.

Knows: manifests, digests.
Does not know: what the files mean.
"""

from pathlib import Path

from mapcoder_lite.errors import StoreError
from mapcoder_lite.jsonl import file_digest
from mapcoder_lite.store import Manifest


def refuse_changed_files(path: Path, manifest: Manifest) -> None:
    """Believe no file that was changed after the run.

    Raises:
        StoreError: one is missing or another than the manifest says.
    """
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
