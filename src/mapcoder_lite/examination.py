"""How a run's judge did in its self-test, and whether its verdicts may be built on.

Knows: what makes a judge trusted, which version's verdicts are those of today.
Does not know: how a judge is examined, what verdicts are used for.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from mapcoder_lite.errors import SandboxError, StoreError
from mapcoder_lite.jsonl import read_record
from mapcoder_lite.problem import Language, Record
from mapcoder_lite.verdict import JUDGE_VERSION, Isolation

SCHEMA_VERSION = 1


class Examination(Record):
    """selftest.json: the judge of the last sitting, examined before it graded anything."""

    schema_version: Literal[1] = SCHEMA_VERSION
    isolation: Isolation
    languages: tuple[Language, ...]
    num_verdicts: int
    """Known verdicts that were asked for."""
    wrong: tuple[str, ...]
    """Those that were not right, one line each."""
    examined: str
    """ISO 8601, UTC."""
    judge_version: int = 0
    """Of the rules that its verdicts follow; 0: not recorded, the run is older."""

    @property
    def is_trusted(self) -> bool:
        """Whether every verdict was right, and there was one."""
        return self.num_verdicts > 0 and not self.wrong


def examination_of(
    isolation: Isolation,
    languages: Sequence[Language],
    num_verdicts: int,
    wrong: Sequence[str],
) -> Examination:
    """Return the record of a self-test that this code's judge has just been through."""
    return Examination(
        isolation=isolation,
        languages=tuple(languages),
        num_verdicts=num_verdicts,
        wrong=tuple(wrong),
        examined=datetime.now(UTC).isoformat(timespec="seconds"),
        judge_version=JUDGE_VERSION,
    )


def trusted_examination(path: Path) -> Examination:
    """Return how the judge of a run did, if its verdicts may be built on.

    Raises:
        SandboxError: the judge failed its self-test, or was never examined.
        StoreError: it followed other rules than today's, or the record is damaged.
    """
    examination = passed_examination(path)
    refuse_other_rules(path, examination)
    return examination


def passed_examination(path: Path) -> Examination:
    """Return how the judge of a run did, whichever rules it followed: say so where they are others.

    Raises:
        SandboxError: the judge failed its self-test, or was never examined.
        StoreError: the record is damaged.
    """
    saved = path / "selftest.json"
    if not saved.exists():
        raise SandboxError(
            f"{path} does not say whether its judge passed the self-test (no selftest.json: the "
            "run is older, or was stopped before it), so no accuracy is printed; the same "
            "`mapcoder run` command examines the judge and does only what is owed"
        )
    examination = read_record(saved, Examination)
    if not examination.is_trusted:
        wrong = "; ".join(examination.wrong) or "no program was judged"
        raise SandboxError(
            f"the judge of {path} failed its self-test, so no accuracy is printed: {wrong}; "
            "see `mapcoder doctor`, then give the same `mapcoder run` command"
        )
    return examination


def refuse_other_rules(path: Path, examination: Examination) -> None:
    """Keep verdicts of other rules apart from those of today.

    Raises:
        StoreError: the run was judged by another version; names what judges it again.
    """
    if examination.judge_version != JUDGE_VERSION:
        raise StoreError(
            f"{path} was graded {rules_of(examination.judge_version)}, and this is version "
            f"{JUDGE_VERSION}, so its verdicts may not be those of today: `mapcoder grade {path}` "
            "judges its programs again, without a model"
        )


def rules_of(judge_version: int) -> str:
    """Say which rules a judge followed."""
    if judge_version == 0:
        return "before the judge's version was recorded"
    return f"by version {judge_version} of the judge"
