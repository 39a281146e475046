"""Folders of a backbone and of its adapters: what they must hold, and their digests.

Knows: transformers and PEFT file names, adapter_config.json and what we refuse of it.
Does not know: tensors, models, requests.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from mapcoder_lite.errors import EngineError

Number = TypeVar("Number", int, float)

_BACKBONE_SUFFIXES = {".safetensors", ".json", ".jinja", ".model", ".txt"}
_TRAINING_RECORD = "mapcoder.json"
_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")

_REFUSED = (
    "use_dora",
    "lora_bias",
    "modules_to_save",
    "fan_in_fan_out",
    "trainable_token_indices",
    "alora_invocation_tokens",
    "layer_replication",
    "target_parameters",
    "use_qalora",
    "use_bdlora",
    "arrow_config",
    "kasa_config",
    "velora_config",
    "monteclora_config",
)
"""Settings of PEFT that change the arithmetic in ways that are not built here."""

_BACKBONE_CHANGING = ("pissa", "olora", "corda", "loftq", "lora_ga")
"""Initialisations that also rewrite the backbone: the adapter alone is then worth nothing."""


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """How one PEFT adapter scales, as its adapter_config.json says."""

    rank: int
    alpha: float
    is_rank_stabilised: bool
    rank_pattern: Mapping[str, int]
    alpha_pattern: Mapping[str, float]

    def rank_of(self, module: str) -> int:
        """Return the rank of a module by its full name."""
        return _matching(self.rank_pattern, module, self.rank)

    def scale_of(self, module: str) -> float:
        """Return alpha / r, or alpha / sqrt(r) when rank-stabilised."""
        alpha = _matching(self.alpha_pattern, module, self.alpha)
        rank = self.rank_of(module)
        return alpha / (math.sqrt(rank) if self.is_rank_stabilised else rank)


def check_backbone(folder: Path) -> None:
    """Check that a folder holds a transformers causal LM in safetensors with its tokenizer.

    Raises:
        EngineError: a file is missing.
    """
    for name in ("config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            raise EngineError(
                f"{folder} is no backbone: {name} is missing; give a transformers model folder"
            )
    if not any(folder.glob("*.safetensors")):
        raise EngineError(
            f"{folder} holds no *.safetensors weights: pickled weights are not read, save the "
            "model with save_pretrained"
        )


def backbone_digest(folder: Path) -> str:
    """Return the hex SHA-256 over names and bytes of a backbone's files."""
    names = sorted(
        path.name
        for path in folder.iterdir()
        if path.is_file() and path.suffix in _BACKBONE_SUFFIXES and not path.name.startswith(".")
    )
    return _files_digest(folder, names)


def adapter_digest(folder: Path) -> str:
    """Return the hex SHA-256 over configuration and weights of an adapter."""
    return _files_digest(folder, _ADAPTER_FILES)


def check_origin(name: str, folder: Path, backbone: str) -> None:
    """Check that an adapter was trained on the backbone with this digest, where it says so.

    The record of training, mapcoder.json, lies beside the roles' folders or in the folder itself.

    Raises:
        EngineError: the adapter belongs to another backbone, or the record cannot be read.
    """
    for record, fields in _training_records(name, folder):
        origin = fields.get("backbone_digest")
        if origin not in (None, backbone):
            raise EngineError(
                f"adapter {name!r} was trained on the backbone with digest {origin}, this one has "
                f"{backbone} ({record}): give the backbone it was trained on, or train it anew"
            )


def trained_prompts(name: str, folder: Path) -> tuple[str, ...]:
    """Return the digests of the prompts that an adapter's rows were asked with; none: not told.

    Raises:
        EngineError: the record of training cannot be read.
    """
    for _, fields in _training_records(name, folder):
        made = fields.get("dataset")
        if not isinstance(made, dict):
            continue
        found = cast("dict[str, object]", made).get("prompts_digests")
        if isinstance(found, list):
            return tuple(map(str, cast("list[object]", found)))
    return ()


def _training_records(name: str, folder: Path) -> Iterator[tuple[Path, dict[str, object]]]:
    for record in (folder / _TRAINING_RECORD, folder.resolve().parent / _TRAINING_RECORD):
        if not record.is_file():
            continue
        try:
            fields: object = json.loads(record.read_bytes())
        except ValueError as error:
            raise EngineError(f"adapter {name!r}: {record} is no record of training") from error
        if not isinstance(fields, dict):
            raise EngineError(f"adapter {name!r}: {record} is no record of training")
        yield record, cast("dict[str, object]", fields)


def read_adapter_config(name: str, folder: Path) -> AdapterConfig:
    """Read what decides an adapter's arithmetic.

    Raises:
        EngineError: files are missing, or the adapter is of a kind that is not supported.
    """
    for file in _ADAPTER_FILES:
        if not (folder / file).is_file():
            raise EngineError(f"adapter {name!r}: {folder / file} is missing; give a PEFT folder")
    try:
        fields = cast(dict[str, object], json.loads((folder / _ADAPTER_FILES[0]).read_bytes()))
        _refuse_unsupported(name, fields)
        return AdapterConfig(
            rank=int(cast(int, fields["r"])),
            alpha=float(cast(float, fields["lora_alpha"])),
            is_rank_stabilised=bool(fields.get("use_rslora")),
            rank_pattern=cast(Mapping[str, int], fields.get("rank_pattern") or {}),
            alpha_pattern=cast(Mapping[str, float], fields.get("alpha_pattern") or {}),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineError(
            f"adapter {name!r}: {folder / _ADAPTER_FILES[0]} is no PEFT configuration ({error!r})"
        ) from error


def _refuse_unsupported(name: str, fields: Mapping[str, object]) -> None:
    found = [key for key in _REFUSED if fields.get(key)]
    if fields.get("peft_type") != "LORA":
        found.append(f"peft_type={fields.get('peft_type')}")
    if fields.get("bias", "none") != "none":
        found.append(f"bias={fields['bias']}")
    if str(fields.get("init_lora_weights")).lower().startswith(_BACKBONE_CHANGING):
        found.append(f"init_lora_weights={fields['init_lora_weights']}")
    if found:
        raise EngineError(
            f"adapter {name!r} uses {', '.join(found)}, which this engine does not support: "
            "train it as plain LoRA, or serve it with another engine"
        )


def _matching(pattern: Mapping[str, Number], module: str, default: Number) -> Number:
    """Look a module up as PEFT does: the first key that matches the end of its name."""
    for key, value in pattern.items():
        if re.match(rf"(.*\.)?({key})$", module):
            return value
    return default


def _files_digest(folder: Path, names: Sequence[str]) -> str:
    whole = hashlib.sha256()
    for name in names:
        with (folder / name).open("rb") as file:
            part = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{name}\0{part}\n".encode())
    return whole.hexdigest()
