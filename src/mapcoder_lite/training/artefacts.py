"""The files of a training: begun, gone on with after a kill, saved whole, declared complete.

Knows: the folder of an adapter, PEFT's layout, the records beside it.
Does not know: how adapters are trained, one by one or together.
"""

# torch and its libraries leave most of their types open
# pyright: basic

import copy
import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from peft import LoraConfig
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from mapcoder_lite import __version__
from mapcoder_lite.engine.folders import adapter_digest
from mapcoder_lite.errors import InputError, StoreError
from mapcoder_lite.jsonl import file_digest, read_lines, read_record, write_lines, write_record
from mapcoder_lite.origin import source_commit
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.records import AdapterManifest, Training, TrainingClaim, TrainingLine
from mapcoder_lite.training.rows import Split
from mapcoder_lite.trajectory import Role, digest

# Settings that change how fast or where, never what comes out.
WITHOUT_EFFECT = frozenset(
    {"backbone", "start", "num_threads", "checkpoint_steps", "log_steps", "report_to"}
)

_PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate", "bitsandbytes")


def claim_of(
    settings: TrainConfig, backbone: str, tokenizer: PreTrainedTokenizerBase, rows: Split
) -> TrainingClaim:
    """What decides one role's adapter; `backbone` is the digest of its folder."""
    every = (*rows.train, *rows.validation, *rows.too_long)
    return TrainingClaim(
        role=rows.role,
        settings=settings,
        backbone_digest=backbone,
        template_digest=template_digest(tokenizer),
        rows_digest=digest([row.example.model_dump(mode="json") for row in every]),
    )


def template_digest(tokenizer: PreTrainedTokenizerBase) -> str:
    """Hex SHA-256 of a tokenizer's chat template."""
    return digest(tokenizer.chat_template)


def check_claim(wanted: TrainingClaim, folder: Path) -> None:
    """Check that who goes on in a role's folder, or beside other roles', brings the same.

    Raises:
        StoreError: it was begun with something else, named.
    """
    saved = folder / "settings.json"
    if saved.exists():
        _refuse_to_mix(read_record(saved, TrainingClaim), wanted, folder)
        return
    for role in Role:
        beside = folder.parent / role / "settings.json"
        if beside.exists():
            other = read_record(beside, TrainingClaim)
            own = ("role", "rows_digest", "start_digest")
            same = {name: getattr(wanted, name) for name in own}
            _refuse_to_mix(other.model_copy(update=same), wanted, folder.parent)


def claim(wanted: TrainingClaim, folder: Path) -> None:
    """Write down what a role's folder is trained on, where that was not yet done.

    Raises:
        StoreError: nothing can be written there.
    """
    saved = folder / "settings.json"
    if saved.exists():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_record(saved, wanted)
    except OSError as error:
        raise StoreError(
            f"cannot write to {folder}: {error.strerror}; name another folder with --out"
        ) from error


def _refuse_to_mix(saved: TrainingClaim, wanted: TrainingClaim, folder: Path) -> None:
    old, new = (_deciding(begun) for begun in (saved, wanted))
    differing = [f"{key}: {old[key]} -> {new[key]}" for key in new if old[key] != new[key]]
    if differing:
        raise StoreError(
            f"{folder} was begun with another training ({'; '.join(differing)}): bring the same "
            "to go on, or take another --name"
        )


def _deciding(begun: TrainingClaim) -> dict[str, object]:
    whole = begun.model_dump(mode="json")
    settings = whole.pop("settings")
    return {k: v for k, v in settings.items() if k not in WITHOUT_EFFECT} | whole


def is_finished(folder: Path) -> bool:
    """Whether a role's adapter is complete."""
    return (folder / "training.json").exists()


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint; one cut by a kill lacks the state, which is written last."""
    whole = [p.parent for p in folder.glob("checkpoint-*/trainer_state.json") if _is_json(p)]
    return max(whole, key=lambda path: int(path.name.partition("-")[2]), default=None)


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def save_adapter(
    tensors: Mapping[str, Tensor], config: LoraConfig, settings: TrainConfig, folder: Path
) -> None:
    """Save an adapter as PEFT does, in `save_dtype`, each file whole or not at all.

    `tensors` are named as PEFT names them in files, `base_model.model.….lora_A.weight` (r, in) and
    `….lora_B.weight` (out, r); target modules of `config` are the layers' own names.

    Raises:
        StoreError: the disk is full or not to be written to.
    """
    dtype = getattr(torch, settings.save_dtype)
    saved = {name: t.detach().to("cpu", dtype).contiguous() for name, t in tensors.items()}
    config = copy.copy(config)
    config.inference_mode = True
    if isinstance(config.target_modules, set):  # in one order, so that equal adapters are equal
        config.target_modules = sorted(config.target_modules)
    # The backbone's place on this machine says nothing elsewhere.
    config.base_model_name_or_path = Path(settings.backbone or "").name
    temporary = folder / "adapter_model.safetensors.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        config.save_pretrained(str(folder))
        save_file(saved, temporary, metadata={"format": "pt"})
        temporary.chmod(0o644)  # safetensors lets only the owner read, servers are others
        temporary.replace(folder / "adapter_model.safetensors")
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        raise StoreError(
            f"cannot write the adapter to {folder}: {error}; free the disk and give the same "
            "command, which goes on from the last checkpoint"
        ) from error


def weights_digest(folder: Path) -> str:
    """Digest of what a role's folder holds: an adapter, or the weights of a whole model."""
    if (folder / "adapter_config.json").exists():
        return adapter_digest(folder)
    files = sorted([*folder.glob("*.safetensors"), folder / "config.json"])
    return digest({path.name: file_digest(path) for path in files})


def complete(training: Training, folder: Path) -> None:
    """Declare a role's adapter complete; its weights lie there."""
    write_record(folder / "training.json", training)


def keep_metrics(path: Path, until_step: int) -> None:
    """Drop the lines of metrics.jsonl beyond a step: what is trained again is written again."""
    kept = [m for m in read_metrics(path) if m.step <= until_step]
    write_lines(path, kept)


def read_metrics(path: Path) -> list[TrainingLine]:
    """The whole lines of metrics.jsonl; a torn last line is not yet one."""
    return list(read_lines(path, TrainingLine))


def write_manifest(dataset: Path, folder: Path) -> None:
    """Write mapcoder.json for all roles that are complete: their beginnings agree."""
    trainings = {
        role: read_record(folder / role / "training.json", Training)
        for role in Role
        if is_finished(folder / role)
    }
    if not trainings:
        return
    begun = read_record(folder / next(iter(trainings)) / "settings.json", TrainingClaim)
    made = dataset_manifest(dataset)
    backbone = Path(begun.settings.backbone or "").resolve().name
    manifest = AdapterManifest(
        roles=tuple(trainings),
        # The backbone's place on this machine says nothing elsewhere.
        settings=begun.settings.model_copy(update={"backbone": backbone}),
        backbone=backbone,
        backbone_digest=begun.backbone_digest,
        template_digest=begun.template_digest,
        dataset=made,
        trainings=trainings,
        version=__version__,
        commit=source_commit(),
        packages=_packages(),
        device=_device(),
    )
    write_record(folder / "mapcoder.json", manifest)


def dataset_manifest(dataset: Path) -> dict[str, object]:
    """What a data set says of itself.

    Raises:
        InputError: it says nothing, or nothing that can be read.
    """
    path = dataset / "manifest.json"
    try:
        fields = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(
            f"{dataset} is no data set: {path.name} cannot be read ({error}); make one with "
            "`mapcoder dataset RUN`"
        ) from error
    if not isinstance(fields, dict):
        raise InputError(
            f"{path} is no manifest of a data set: make it with `mapcoder dataset RUN`"
        )
    return fields


def _packages() -> dict[str, str]:
    found: dict[str, str] = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _device() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{platform.machine()} processor, {torch.get_num_threads()} threads"
