"""One adapter merged into its backbone: a whole model, for servers that know no adapters.

Merged in float32: rounding on the way would change replies (docs/training.md). The merged model is
compared with the adapter over the backbone before anything is kept.

Knows: PEFT's merging, transformers folders, what must come along from the backbone.
Does not know: roles, GGUF, servers.
"""

# torch and its libraries leave most of their types open
# pyright: basic

import shutil
from pathlib import Path
from typing import Literal

import torch
from peft import PeftModel
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, PreTrainedModel

from mapcoder_lite.engine.folders import (
    adapter_digest,
    backbone_digest,
    check_backbone,
    check_origin,
    read_adapter_config,
)
from mapcoder_lite.errors import InputError, StoreError
from mapcoder_lite.jsonl import write_record
from mapcoder_lite.training.backbone import carry_over
from mapcoder_lite.training.records import Merged

Dtype = Literal["float32", "bfloat16", "float16"]

TOLERANCE = 1e-3
"""Largest difference of a logit that float32 merging may bring, in deviations of the logits."""

_NUM_PROBES = 64
"""Token ids, spread over the vocabulary, whose logits are compared."""


def merge(backbone: Path, adapter: Path, out: Path, dtype: Dtype) -> Merged:
    """Write the backbone with the adapter merged into it to a new folder, in `dtype`.

    The folder appears whole or not at all. Needs room for the backbone in float32.

    Raises:
        EngineError: a folder is none of its kind, or the adapter is of another backbone.
        InputError: the merged model is not what backbone and adapter are together.
        StoreError: the folder is there already, or cannot be written.
    """
    check_backbone(backbone)
    read_adapter_config(adapter.name, adapter)
    origin = backbone_digest(backbone)
    check_origin(adapter.name, adapter, origin)
    if out.exists():
        raise StoreError(f"{out} is there already: give another folder with --out")
    base = AutoModelForCausalLM.from_pretrained(
        str(backbone), dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    tuned = PeftModel.from_pretrained(base, str(adapter), autocast_adapter_dtype=False).eval()
    wanted = _logits(tuned)
    merged = tuned.merge_and_unload()
    difference = _difference(wanted, _logits(merged))
    if not difference <= TOLERANCE:  # not a number is no pass
        raise InputError(
            f"{adapter} merged into {backbone} differs from the adapter by {difference:.2g} "
            f"deviations of the logits, more than {TOLERANCE:g}: serve it as an adapter"
        )
    merged = merged.to(getattr(torch, dtype))
    record = Merged(
        adapter=adapter.name,
        adapter_digest=adapter_digest(adapter),
        backbone=backbone.resolve().name,
        backbone_digest=origin,
        dtype=dtype,
        difference=difference,
        rounded_difference=_difference(wanted, _logits(merged)),
    )
    _save(merged, record, backbone, out)
    return record


def _logits(model: PreTrainedModel | PeftModel) -> torch.Tensor:
    """(1, T, vocabulary), of tokens from all over the vocabulary."""
    size = int(model.config.vocab_size)
    ids = torch.linspace(0, size - 1, min(_NUM_PROBES, size)).long()[None]
    with torch.inference_mode():
        return model(input_ids=ids, use_cache=False).logits.float()


def _difference(wanted: torch.Tensor, found: torch.Tensor) -> float:
    return float((wanted - found).abs().max() / wanted.std())


def _save(model: PreTrainedModel, record: Merged, backbone: Path, out: Path) -> None:
    """Save model and record beside the folder, with the backbone's tokenizer and template."""
    fresh = out.with_name(f".{out.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        model.save_pretrained(fresh)
        carry_over(backbone, fresh)
        write_record(fresh / "merged.json", record)
        fresh.rename(out)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise StoreError(f"cannot write {out}: {error}; free the disk") from error
