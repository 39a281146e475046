"""All that can be refused before the first step, for every role at once.

Knows: settings, rows, the backbone's files, the disk; what a training will take.
Does not know: how adapters are trained.
"""

# torch and its libraries leave most of their types open
# pyright: basic

import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from transformers import PreTrainedTokenizerBase

from mapcoder_lite.engine.folders import backbone_digest, check_backbone
from mapcoder_lite.errors import ConfigError, InputError, StoreError
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.arithmetic import Plan, disk_bytes
from mapcoder_lite.training.artefacts import dataset_manifest
from mapcoder_lite.training.backbone import check_weights, read_config, read_tokenizer
from mapcoder_lite.training.forecast import plan_of
from mapcoder_lite.training.rows import Row, Split, end_tokens, origin, read_split
from mapcoder_lite.training.shapes import read_shape
from mapcoder_lite.training.variants import Size, check_variant, measure
from mapcoder_lite.trajectory import Role

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A training that nothing speaks against."""

    settings: TrainConfig
    dataset: Path
    tokenizer: PreTrainedTokenizerBase
    backbone_digest: str
    splits: Mapping[Role, Split]
    size: Size
    plans: Mapping[Role, Plan]
    disk_bytes: int
    """That one role takes at most while it is trained."""


Read = Callable[[PreTrainedTokenizerBase, frozenset[int], int], Mapping[Role, Split]]
"""Reads rows by a tokenizer, the tokens at which serving ends a reply, the most tokens of a row."""


def prepare(
    settings: TrainConfig,
    dataset: Path,
    roles: tuple[Role, ...],
    prompts: str | None = None,
    read: Read | None = None,
) -> Prepared:
    """Read and measure everything; `prompts` is the digest of the prompts that serving asks with.

    `read` brings rows in another form than those of a data set.

    Raises:
        ConfigError: settings do not go together, or need what is not installed.
        EngineError: the backbone's folder is none.
        InputError: rows are missing, too long, or were made for another template or prompt set.
        StoreError: a file of the data set is damaged.
    """
    backbone = _backbone(settings)
    check_variant(settings)
    _check_reporting(settings)
    manifest = dataset_manifest(dataset)
    _check_prompts(manifest, dataset, prompts)
    tokenizer = read_tokenizer(backbone)
    ends = end_tokens(tokenizer, backbone)
    context: int | None = getattr(read_config(backbone), "max_position_embeddings", None)
    max_tokens = min(settings.max_tokens, context or settings.max_tokens)
    check_weights(backbone)
    splits = (read or _reader(dataset, roles))(tokenizer, ends, max_tokens)
    for split in splits.values():
        _check_template(split, manifest, backbone)
        _check_lengths(settings, split, max_tokens)
        _check_validation(settings, split, dataset)
    size = measure(settings)
    shape = read_shape(backbone)
    plans = {
        role: plan_of(settings, shape, longest(split), size.num_trainable)
        for role, split in splits.items()
    }
    needed = disk_bytes(settings, size.num_trainable)
    digest = backbone_digest(backbone)
    return Prepared(settings, dataset, tokenizer, digest, splits, size, plans, needed)


def _reader(dataset: Path, roles: tuple[Role, ...]) -> Read:
    return lambda tokenizer, ends, max_tokens: {
        role: read_split(dataset, role, tokenizer, ends, max_tokens) for role in roles
    }


def longest(split: Split) -> int:
    """Tokens of the longest row that is trained on."""
    return max((len(row.ids) for row in split.train), default=0)


def check_disk(needed: int, folder: Path) -> None:
    """Refuse a disk that would be full before a role is trained.

    Raises:
        StoreError: with both numbers.
    """
    place = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(place).free
    if free < needed:
        raise StoreError(
            f"{place} has {free / 1e9:.2f} GB free, checkpoints and adapter of a role take "
            f"{needed / 1e9:.2f} GB: free the disk, or name another folder with --out"
        )


def _backbone(settings: TrainConfig) -> Path:
    if not settings.backbone:
        raise InputError("train.backbone is not set: name the folder of the backbone")
    folder = Path(settings.backbone)
    if not folder.is_dir():
        raise InputError(f"train.backbone={folder} is no folder: name that of the backbone")
    check_backbone(folder)
    return folder


def _check_reporting(settings: TrainConfig) -> None:
    name = settings.report_to
    if name is not None and find_spec(name) is None:
        raise ConfigError(
            f"train.report_to={name} needs {name}: pip install {name}, or leave it out: "
            "metrics.jsonl has every line"
        )


def _check_prompts(manifest: Mapping[str, object], dataset: Path, prompts: str | None) -> None:
    asked = cast("list[str]", manifest.get("prompts_digests") or [])
    other = [digest for digest in asked if prompts is not None and digest != prompts]
    if other:
        raise InputError(
            f"{dataset} was asked with other prompts ({other[0][:12]}) than this version asks with "
            f"({(prompts or '')[:12]}): what is trained would not be what is served; make the "
            "runs again, or train and serve with the version that made them"
        )


def _check_template(split: Split, manifest: Mapping[str, Any], backbone: Path) -> None:
    """Compare the data set's token counts with ours, where it was counted for training."""
    settings = manifest.get("settings") or {}
    if not settings.get("tokenizer"):
        counters = {row.example.tokens.counted_by for row in split.train}
        names = ", ".join(sorted(counters))
        log.info(
            "%s: rows were counted by %s, which says nothing of the template", split.role, names
        )
        return
    for row in (*split.train, *split.validation, *split.too_long):
        counted = row.example.tokens
        theirs = (counted.prompt, counted.prompt + counted.completion)
        ours = (row.num_prompt, row.num_rendered)
        if theirs != ours:
            raise InputError(
                f"{origin(row.example)}: {counted.counted_by} counted {_pair(theirs)}, "
                f"{backbone.name} counts {_pair(ours)}: the rows were made for another tokenizer "
                f"or chat template; make the data set with -s dataset.tokenizer={backbone}"
            )


def _pair(lengths: tuple[int, int]) -> str:
    return f"{lengths[0]} tokens of prompt and {lengths[1] - lengths[0]} of reply"


def _check_lengths(settings: TrainConfig, split: Split, max_tokens: int) -> None:
    """`max_tokens` is that of the settings, or the backbone's context where that is less."""
    is_ours = max_tokens == settings.max_tokens
    bound = f"{max_tokens} tokens" if is_ours else f"the backbone's context of {max_tokens} tokens"
    if len(split.too_long) > settings.max_dropped:
        longest_first = sorted(split.too_long, key=_length, reverse=True)
        names = "; ".join(f"{origin(r.example)}: {_length(r)}" for r in longest_first[:5])
        raise InputError(
            f"{split.role}: {len(split.too_long)} rows exceed {bound} and would be cut "
            f"({names}{' ...' if len(split.too_long) > 5 else ''}); "
            f"{'raise train.max_tokens' if is_ours else 'train another backbone'}, or allow so "
            "many to be left out with train.max_dropped"
        )
    if not split.train:
        raise InputError(f"{split.role}: every row exceeds {bound}: nothing is left to train on")
    for row in split.too_long:
        log.warning("%s: left out, too long: %s", split.role, origin(row.example))


def _length(row: Row) -> int:
    return len(row.ids)


def _check_validation(settings: TrainConfig, split: Split, dataset: Path) -> None:
    wanting = [
        name
        for name in ("patience", "validation_steps")
        if getattr(settings, name) is not None and not split.validation
    ]
    if wanting:
        raise InputError(
            f"train.{wanting[0]} looks at validation rows, and {dataset} has none for "
            f"{split.role}: raise dataset.validation_share, or leave train.{wanting[0]} out"
        )
