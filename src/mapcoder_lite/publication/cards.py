"""The cards of adapters and data sets, from their manifests and from runs.

Whatever a file says is text: names, models and licences cannot become markup or metadata.

Knows: what a card must say, the hub's metadata, the templates in cards/.
Does not know: how numbers are made, uploads.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

from jinja2 import Environment, PackageLoader, StrictUndefined

from mapcoder_lite.curation.examples import DatasetManifest
from mapcoder_lite.errors import InputError
from mapcoder_lite.evaluation.metrics import Metrics
from mapcoder_lite.example import Example
from mapcoder_lite.jsonl import file_digest, read_record
from mapcoder_lite.problem import Record
from mapcoder_lite.tables import escaped
from mapcoder_lite.training.records import AdapterManifest
from mapcoder_lite.trajectory import Role

ADAPTERS, DATASET = "mapcoder.json", "manifest.json"
"""The record that says of a folder which of the two it is."""

HUB_NAMES = {
    "Qwen2.5-7B-Instruct": "Qwen/Qwen2.5-7B-Instruct",
    "Llama-3.1-8B-Instruct": "meta-llama/Llama-3.1-8B-Instruct",
    "Mistral-7B-Instruct-v0.3": "mistralai/Mistral-7B-Instruct-v0.3",
}
"""Of the backbones that have a recipe, by the name of their folder."""

PROMPTS_ONLY = "prompts only"
"""What a run records that no adapter answered."""

_ADAPTER = re.compile(rf"(?<![^\s\[])({'|'.join(Role)})@([0-9a-f]{{16}})(?![^\s\]])")
_LOCAL_BACKBONE = re.compile(r"local \S+@([0-9a-f]{16})(?!\S)")
"""Of an engine's identity, as the engine in process tells it; servers tell no digest."""

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"))


@dataclass(frozen=True, slots=True)
class Words:
    """What only a person can say of what is published."""

    licence: str
    """The hub's short name, as apache-2.0."""
    title: str
    backbone: str | None = None
    """The backbone's name on the hub; None = the recipe's, or the folder's."""
    citation: str | None = None
    """BibTeX, beside those of the two papers."""


class Raw(str):
    """Text that a template may take as it is."""

    __slots__ = ()


def kind_of(folder: Path) -> type[Record]:
    """Return the record that a folder holds: of adapters, or of a data set.

    Raises:
        InputError: it holds neither.
    """
    if (folder / ADAPTERS).is_file():
        return AdapterManifest
    if (folder / DATASET).is_file() and (folder / f"{Role.CODING}.jsonl").is_file():
        return DatasetManifest
    raise InputError(
        f"{folder} holds neither adapters ({ADAPTERS}) nor a data set ({DATASET} and rows): name "
        "what `mapcoder train` or `mapcoder dataset` wrote"
    )


def card(folder: Path, words: Words, runs: Sequence[Metrics] = ()) -> str:
    """Return README.md for a folder of adapters or of a data set.

    Raises:
        InputError: it is neither, runs are given for a data set, or a run is of another backbone or
            of other adapters.
        StoreError: its manifest cannot be read.
    """
    if kind_of(folder) is AdapterManifest:
        return _model_card(folder, words, runs)
    if runs:
        raise InputError(f"{folder} is a data set: results belong to the card of adapters")
    return _dataset_card(folder, words)


def manifest_path(folder: Path) -> Path:
    """Return the manifest that a card was made from.

    Raises:
        InputError: there is none.
    """
    return folder / (ADAPTERS if kind_of(folder) is AdapterManifest else DATASET)


def _model_card(folder: Path, words: Words, runs: Sequence[Metrics]) -> str:
    manifest = read_record(folder / ADAPTERS, AdapterManifest)
    backbone = words.backbone or HUB_NAMES.get(manifest.backbone, manifest.backbone)
    made, trained = manifest.dataset, manifest.settings
    for run in runs:
        _refuse_strange(run, manifest)
    settings = json.dumps(_settings(manifest), indent=1, ensure_ascii=False)
    return _rendered(
        "model.md.j2",
        words,
        folder,
        manifest=manifest,
        backbone=backbone,
        backbone_yaml=_quoted(backbone),
        prompts=made.get("prompts_digests") or (),
        digests=_mapping(made.get("digests")),
        sources=made.get("sources") or (),
        settings=Raw(settings.replace("```", "")),
        is_full=trained.method == "full",
        stage=trained.stage,
        keeps_failed=_mapping(made.get("settings")).get("keep") == "all",
        runs=runs,
        unproven=[run.run for run in runs if not _digests(run) and run.adapters != PROMPTS_ONLY],
        has_untuned=any(run.adapters == PROMPTS_ONLY for run in runs),
        lacking=[role.value for role in Role if role not in manifest.roles],
    )


def _digests(run: Metrics) -> dict[Role, str]:
    """The first digits of the adapters' digests, where the engine knew them."""
    return {Role(role): digits for role, digits in _ADAPTER.findall(run.engine)}


def _refuse_strange(run: Metrics, manifest: AdapterManifest) -> None:
    """Refuse a run whose score would stand beside what it was not made with."""
    backbone = _LOCAL_BACKBONE.match(run.engine)
    is_full = manifest.settings.method == "full"  # then the models are the backbones of runs
    if backbone and not is_full and not manifest.backbone_digest.startswith(backbone[1]):
        raise InputError(
            f"run {run.run} is of the backbone with digest {backbone[1]}, the adapters are of "
            f"{manifest.backbone_digest[:16]}: leave out --run, or make the run again"
        )
    for role, digits in _digests(run).items():
        made = manifest.trainings.get(role)
        if made is None or not made.weights_digest.startswith(digits):
            raise InputError(
                f"run {run.run} was made with another adapter for {role} (digest {digits}) than "
                "the one that lies here: leave out --run, or make the run again"
            )


def _settings(manifest: AdapterManifest) -> dict[str, object]:
    """The settings without places of the machine."""
    return manifest.settings.model_dump(mode="json", exclude={"backbone", "report_to"})


def _dataset_card(folder: Path, words: Words) -> str:
    manifest = read_record(folder / DATASET, DatasetManifest)
    names = {
        role: [part for part in ("train", "validation") if _path(folder, role, part).stat().st_size]
        for role in Role
    }
    limits = (name for most, name in _SIZES if manifest.num_rows < most)
    return _rendered(
        "dataset.md.j2",
        words,
        folder,
        manifest=manifest,
        stages=_stages(manifest),
        parts={role: parts for role, parts in names.items() if parts},
        size=Raw(next(limits, "n>1M")),
        columns=[(name, _COLUMNS[name]) for name in Example.model_fields],
        has_audit=(folder / "audit.json").is_file(),
        has_flagged=(folder / "flagged.jsonl").is_file(),
    )


def _path(folder: Path, role: Role, part: str) -> Path:
    return folder / (f"{role}.jsonl" if part == "train" else f"validation/{role}.jsonl")


def _stages(manifest: DatasetManifest) -> list[tuple[str, str, int]]:
    return [
        ("attempts at problems", "attempts", manifest.num_trajectories),
        ("of problems whose hidden tests have a known fault, left out", "attempts",
         manifest.num_defective),
        ("whose program passed all hidden tests", "attempts", manifest.num_passed),
        ("calls of these", "calls", manifest.num_steps),
        ("that the final programs rest on", "rows", manifest.num_kept),
        ("without equal rows", "rows", manifest.num_distinct),
        ("without near duplicates", "rows", manifest.num_unlike),
        ("without overlap with evaluation sets", "rows", manifest.num_clean),
        ("within the cap a problem and role: all that are written", "rows", manifest.num_rows),
        ("of these, set aside for validation", "rows", manifest.num_validation),
    ]  # fmt: skip


_COLUMNS = {
    "schema_version": "Version of the row's form.",
    "prompt": "Messages as the engine sends them: system, user.",
    "completion": "The reply to learn, one message.",
    "role": "retrieval, planning, coding or debugging; a file each.",
    "kind": "What was asked: retrieval, plan, confidence, coding, debugging.",
    "provenance": "Run, problem, sample, call, who wrote the reply, the filter that kept it, the "
    "round of a supervisor, and whether the reply was written under its feedback.",
    "tokens": "Tokens of prompt and reply, and who counted them.",
}


def _mapping(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _quoted(text: str) -> Raw:
    """A YAML string: JSON's form is one."""
    return Raw(json.dumps(text))


def _rendered(template: str, words: Words, folder: Path, **context: object) -> str:
    path = manifest_path(folder)
    return (
        _environment()
        .get_template(template)
        .render(
            **context,
            words=words,
            title_yaml=_quoted(words.title),
            licence_yaml=_quoted(words.licence),
            citation=Raw((words.citation or "").replace("```", "")),
            origin=Raw(f"<!-- {path.name} {file_digest(path)} -->"),
        )
        .rstrip()
        + "\n"
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mapcoder_lite.publication", "cards"),
        undefined=StrictUndefined,
        finalize=_as_text,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters.update(percent=_percent, rounded=_rounded)
    return environment


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _rounded(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _as_text(value: object) -> str:
    return value if isinstance(value, Raw) else escaped(str(value))
