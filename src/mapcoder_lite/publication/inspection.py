"""What an upload would hold, and what speaks against it.

Knows: the files of adapters and of data sets, keys and paths that must not leave, which licences
let problems be passed on.
Does not know: the hub, how cards are written.
"""

import json
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from mapcoder_lite.curation.examples import DatasetManifest
from mapcoder_lite.engine.folders import adapter_digest
from mapcoder_lite.errors import InputError
from mapcoder_lite.jsonl import file_digest, read_record
from mapcoder_lite.publication.cards import ADAPTERS, DATASET, kind_of, manifest_path
from mapcoder_lite.training.records import AdapterManifest
from mapcoder_lite.trajectory import Role

CARD = "README.md"

_ROLES = "|".join(Role)
_OF_ADAPTERS = re.compile(
    rf"README\.md|mapcoder\.json|({_ROLES})/(adapter_config\.json|adapter_model\.safetensors|"
    r"training\.json|metrics\.jsonl|[\w-]+\.(png|svg))"
)
_OF_DATASET = re.compile(
    rf"README\.md|manifest\.json|flagged\.jsonl|(validation/)?({_ROLES})\.jsonl|"
    r"audit(/[\w-]+)?\.(json|md|png|svg)"
)

_KEYS = {
    "a key of the hub": r"\bhf_[A-Za-z0-9]{20,}",
    "a key of a model's host": r"\bsk-[A-Za-z0-9_-]{20,}",
    "a key of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})",
    "a key of AWS": r"\bAKIA[0-9A-Z]{16}\b",
    "a key of Google": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
}
_FREE = re.compile(
    r"apache(-| )?2|\bmit\b|\bbsd\b|\bcc0\b|\bcc by(-sa)?( \d|$)|cc-by(-sa)?-\d|public domain"
)
_NON_COMMERCIAL = re.compile(r"\bcc[ -]by-nc(-sa)?\b")
_METADATA = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_WANTED = {ADAPTERS: ("license", "base_model"), DATASET: ("license", "pretty_name")}
_ABSOLUTE = re.compile(r"/[^/\s]+/[^/\s]")


@dataclass(frozen=True, slots=True)
class File:
    """A file that would be uploaded."""

    name: str
    """Below the folder, with slashes."""
    num_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What would be uploaded of a folder, and why it must not."""

    folder: Path
    kind: Literal["model", "dataset"]
    files: tuple[File, ...]
    left_out: tuple[str, ...]
    """Files of the folder that are no part of what is published."""
    refusals: tuple[str, ...]
    """Each with its remedy; none = nothing speaks against it."""
    card: str


def inspect(folder: Path, allowed: Collection[str] = (), secret: str | None = None) -> Inspection:
    """Look at every file of a folder of adapters or of a data set.

    `allowed` names sources whose licence the person has checked; `secret` is a key that no file
    may hold.

    Raises:
        InputError: it is neither.
        StoreError: its manifest cannot be read.
    """
    is_adapters = kind_of(folder) is AdapterManifest
    ours = _OF_ADAPTERS if is_adapters else _OF_DATASET
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    wanted = [name for name in names if ours.fullmatch(name)]
    card = (folder / CARD).read_text(encoding="utf-8") if CARD in wanted else ""
    refusals = [
        *_card_faults(folder, card),
        *(fault for name in wanted for fault in _text_faults(folder, name, secret)),
        *(
            _weights_faults(folder, wanted)
            if is_adapters
            else _licence_faults(folder, card, allowed)
        ),
    ]
    return Inspection(
        folder=folder,
        kind="model" if is_adapters else "dataset",
        files=tuple(_file(folder, name) for name in wanted),
        left_out=tuple(name for name in names if name not in wanted),
        refusals=tuple(refusals),
        card=card,
    )


def metadata(card: str) -> dict[str, str]:
    """Return the metadata of a card that stands on one line each."""
    found = _METADATA.match(card)
    lines = found[1].split("\n") if found else []
    pairs = (line.partition(":") for line in lines if re.match(r"\w+:", line))
    return {key: value.strip().strip('"') for key, _, value in pairs}


def _file(folder: Path, name: str) -> File:
    path = folder / name
    return File(name, path.stat().st_size, file_digest(path))


def _card_faults(folder: Path, card: str) -> Iterator[str]:
    remedy = f"write it with `mapcoder card {folder.name}`"
    if not card:
        yield f"{CARD} is missing: {remedy}"
        return
    known = metadata(card)
    for field in _WANTED[manifest_path(folder).name]:
        if not known.get(field):
            yield f"{CARD} says nothing of {field}: {remedy}"
    if file_digest(manifest_path(folder)) not in card:
        yield f"{CARD} was made from another {manifest_path(folder).name} than lies here: {remedy}"


def _text_faults(folder: Path, name: str, secret: str | None) -> Iterator[str]:
    if name.endswith((".safetensors", ".png")):
        return
    text = (folder / name).read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.split("\n"), start=1):
        for what, pattern in _KEYS.items():
            if re.search(pattern, line):
                yield f"{name}, line {number}: holds {what}: take it out, and revoke the key"
        if secret is not None and secret in line:
            yield f"{name}, line {number}: holds the key of HF_TOKEN: take it out, and revoke it"
        for place in _own_places():
            if place in line:
                yield f"{name}, line {number}: holds {place}, a path of this machine: take it out"
    if name.endswith(".json"):
        yield from (
            f"{name}, {where}: holds {value}, an absolute path: take it out, or name folders by "
            "relative paths when it is made"
            for where, value in _absolute_paths(text)
        )


def _own_places() -> tuple[str, ...]:
    """Folders that name this machine or who works on it; short ones name nothing."""
    places = (Path.home(), Path.cwd(), Path(tempfile.gettempdir()))
    return tuple(f"{place}/" for place in dict.fromkeys(places) if len(place.parts) > 2)


def _absolute_paths(text: str) -> Iterator[tuple[str, str]]:
    """Settings and manifests hold paths as whole values; texts of models are in rows only."""
    try:
        tree: object = json.loads(text)
    except ValueError:
        return
    for where, value in _leaves(tree, ""):
        if isinstance(value, str) and _ABSOLUTE.match(value) and len(value) < 1000:
            yield where, value


def _leaves(tree: object, where: str) -> Iterator[tuple[str, object]]:
    if isinstance(tree, dict):
        for key, below in cast("dict[str, object]", tree).items():
            yield f"{where}.{key}".lstrip("."), key  # files are keys too
            yield from _leaves(below, f"{where}.{key}".lstrip("."))
    elif isinstance(tree, list):
        for below in cast("list[object]", tree):
            yield from _leaves(below, where)
    else:
        yield where, tree


def _weights_faults(folder: Path, wanted: Collection[str]) -> Iterator[str]:
    manifest = read_record(manifest_path(folder), AdapterManifest)
    record = manifest_path(folder).name
    for role in manifest.roles:
        names = (f"{role}/adapter_config.json", f"{role}/adapter_model.safetensors")
        lacking = [name for name in names if name not in wanted]
        if lacking:
            yield f"{lacking[0]} is missing, yet {record} names {role}: train it anew"
        elif adapter_digest(folder / role) != manifest.trainings[role].weights_digest:
            yield f"{role} is not the adapter that {record} describes: it was changed since"


def _licence_faults(folder: Path, card: str, allowed: Collection[str]) -> Iterator[str]:
    manifest = read_record(manifest_path(folder), DatasetManifest)
    if manifest.sources is None:
        yield (
            "the manifest does not say whose problems the rows show: make the data set again with "
            "this version"
        )
        return
    ours = metadata(card).get("license", "")
    for source in manifest.sources:
        if source.name not in allowed and (fault := licence_fault(source.licence, ours)):
            yield (
                f"{source.name} ({source.num_problems} problems): {fault}; if you may pass its "
                f"problems on, say so with --allow {source.name}"
            )


def licence_fault(licence: str | None, ours: str) -> str | None:
    """Say why problems under a licence may not be passed on under ours; None = they may."""
    stated = (licence or "").lower()
    if not stated:
        return "its licence is not stated"
    if _NON_COMMERCIAL.search(stated):
        if _NON_COMMERCIAL.search(ours.lower()):
            return None
        return f"{licence} forbids commercial use, and {ours or 'no licence'} does not"
    if "unchecked" in stated or not _FREE.search(stated):
        return f"nothing here knows that {licence} lets problems be passed on"
    return None


def check_allowed(folder: Path, allowed: Mapping[str, object] | Collection[str]) -> None:
    """Refuse to allow a source that the data set does not have.

    Raises:
        InputError: with those that it has.
    """
    if not allowed:
        return
    known: tuple[str, ...] = ()
    if kind_of(folder) is DatasetManifest:
        manifest = read_record(manifest_path(folder), DatasetManifest)
        known = tuple(source.name for source in manifest.sources or ())
    strange = sorted(set(allowed) - set(known))
    if strange:
        raise InputError(
            f"--allow {strange[0]}: {folder} has no such source; it has: "
            f"{', '.join(known) or 'none'}"
        )
