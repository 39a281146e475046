"""docs/formats.md shows real records: each block is read by the code that reads the files."""

import re
import tomllib
from pathlib import Path

import pytest

from mapcoder_lite.attribution import Attribution
from mapcoder_lite.calls import StoredCall
from mapcoder_lite.config import Config
from mapcoder_lite.curation.accuracy import SupervisorTable
from mapcoder_lite.curation.audit import Audit
from mapcoder_lite.curation.discarded import PlansTable
from mapcoder_lite.curation.examples import DatasetManifest
from mapcoder_lite.curation.flagged import Flagged
from mapcoder_lite.curation.label import Label
from mapcoder_lite.curation.preferences import PreferenceManifest
from mapcoder_lite.evaluation.attribution import AttributionTable
from mapcoder_lite.evaluation.forgetting import ChatLosses
from mapcoder_lite.evaluation.ladder import Ladder
from mapcoder_lite.evaluation.metrics import Metrics
from mapcoder_lite.evaluation.readability import Readability
from mapcoder_lite.events import CodeVersion, RunFinished
from mapcoder_lite.examination import Examination
from mapcoder_lite.example import Correction, Example, Labelled, Pair
from mapcoder_lite.problem import HiddenTests, Problem, Record
from mapcoder_lite.regrade import Beginning, Regrading
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.server.records import Asked
from mapcoder_lite.store import Manifest, RunHeader
from mapcoder_lite.training.records import (
    AdapterManifest,
    Merged,
    Training,
    TrainingClaim,
    TrainingLine,
    TrainingPlan,
)
from mapcoder_lite.trajectory import Call, Grade, Trajectory, Trial

PAGE = (Path(__file__).parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```json (\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
KINDS: tuple[type[Record], ...] = (
    Problem,
    HiddenTests,
    Asked,
    CodeVersion,
    RunFinished,
    RunHeader,
    RunProblem,
    Trajectory,
    Call,
    Trial,
    Grade,
    Correction,
    StoredCall,
    Examination,
    Regrading,
    Beginning,
    Metrics,
    Manifest,
    Example,
    Label,
    Attribution,
    AttributionTable,
    PlansTable,
    SupervisorTable,
    Audit,
    Ladder,
    Readability,
    ChatLosses,
    DatasetManifest,
    Pair,
    Labelled,
    PreferenceManifest,
    Flagged,
    TrainingClaim,
    TrainingLine,
    Training,
    AdapterManifest,
    Merged,
    TrainingPlan,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_page_shows_a_record_that_our_code_reads(kind: type[Record]):
    record = kind.model_validate_json(BLOCKS[kind.__name__])
    assert "\n" not in record.model_dump_json()


def test_every_block_of_the_page_is_read():
    assert set(BLOCKS) == {kind.__name__ for kind in KINDS}


def test_the_settings_of_the_page_are_settings():
    blocks = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        assert Config.model_validate(tomllib.loads(block)).engine.model == "base"
