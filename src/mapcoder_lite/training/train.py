"""Roles' rows become adapters: what is owed, by which way, and the manifest of all.

Knows: roles, what is finished, the two ways of training.
Does not know: how an adapter is trained, what may be refused.
"""

# torch and its libraries leave most of their types open
# pyright: basic

import logging
from contextlib import ExitStack
from pathlib import Path

import torch
from accelerate import PartialState
from transformers import AutoConfig

from mapcoder_lite.errors import StoreError
from mapcoder_lite.jsonl import hold
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training import order
from mapcoder_lite.training.artefacts import claim, claim_of, is_finished, write_manifest
from mapcoder_lite.training.checks import Prepared, check_disk, longest, prepare
from mapcoder_lite.training.curves import draw_curves
from mapcoder_lite.training.joint import train_jointly
from mapcoder_lite.training.journal import Tell, tell_nobody
from mapcoder_lite.training.passes import obstacle_of
from mapcoder_lite.training.records import RolePlan, TrainingPlan
from mapcoder_lite.training.rows import Split
from mapcoder_lite.training.separate import train_role
from mapcoder_lite.trajectory import Role

log = logging.getLogger(__name__)


def train(
    settings: TrainConfig,
    dataset: Path,
    folder: Path,
    roles: tuple[Role, ...],
    *,
    tell: Tell = tell_nobody,
    prompts: str | None = None,
) -> bool:
    """Train one adapter a role into `folder/<role>`, going on after an interruption.

    Returns whether this process is the first of those that train together.

    A role that already has its training.json is left as it is; one that was interrupted goes on
    from its last checkpoint. Every role is checked before the first is trained. `prompts` is the
    digest of the prompts that serving asks with; None = not compared.

    Raises:
        ConfigError: settings do not go together, or need what is not installed.
        EngineError: the backbone's folder is none.
        InputError: rows are missing, too long, or were made for another template or prompt set.
        StoreError: the folder holds another training, or the disk is full or not to be written to.
        TrainingError: loss or gradient is no number; the last checkpoint is kept.
    """
    prepared = prepare(settings, dataset, roles, prompts)
    processes = PartialState(cpu=not torch.cuda.is_available())
    with ExitStack() as stack:
        if processes.is_main_process:
            stack.callback(_held(folder).close)
        with processes.main_process_first():
            owed = _claimed(prepared, folder)
        if owed:
            check_disk(prepared.disk_bytes, folder)
        # Of the roles that are asked for, so that who goes on does so the same way.
        obstacle = obstacle_to_joint(settings, len(prepared.splits), processes.num_processes)
        if owed and obstacle is None:
            _train_jointly(prepared, folder, owed, tell)
        elif owed:
            _train_separately(prepared, folder, owed, obstacle or "", tell)
        if processes.is_main_process:
            for role in owed:
                draw_curves(role, folder / role)
            write_manifest(dataset, folder)
    return processes.is_main_process


def _held(folder: Path):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return hold(folder)
    except OSError as error:
        raise StoreError(
            f"cannot write to {folder}: {error.strerror}; name another folder with --out"
        ) from error


def _claimed(prepared: Prepared, folder: Path) -> tuple[Role, ...]:
    """Claim every role's folder; return the roles that are not finished."""
    owed: list[Role] = []
    for role, split in prepared.splits.items():
        wanted = claim_of(prepared.settings, prepared.backbone_digest, prepared.tokenizer, split)
        claim(wanted, folder / role)
        if is_finished(folder / role):
            log.info("%s: finished before, left as it is", role)
        else:
            owed.append(role)
    return tuple(owed)


def obstacle_to_joint(settings: TrainConfig, num_roles: int, num_processes: int) -> str | None:
    """Why the roles are not trained in one pass; None = they are."""
    plain = TrainConfig()
    only_separate = (
        "method",
        "quant",
        "dora",
        "dropout",
        "adapter_dtype",
        "initialisation",
        "loraplus_ratio",
        "report_to",
    )
    chosen = [name for name in only_separate if getattr(settings, name) != getattr(plain, name)]
    if not settings.joint:
        return "train.joint is off"
    if num_roles < 2:
        return "there is one role"
    if num_processes > 1:
        return f"there are {num_processes} processes"
    if chosen:
        return f"train.{chosen[0]} is {getattr(settings, chosen[0])}"
    config = AutoConfig.from_pretrained(str(settings.backbone), local_files_only=True)
    return obstacle_of(config, settings.max_tokens)


def _train_jointly(prepared: Prepared, folder: Path, roles: tuple[Role, ...], tell: Tell) -> None:
    log.info("%s: in one pass over the backbone", ", ".join(roles))
    train_jointly(prepared, folder, roles, tell)


def _train_separately(
    prepared: Prepared, folder: Path, roles: tuple[Role, ...], reason: str, tell: Tell
) -> None:
    log.info("%s: one after the other, since %s", ", ".join(roles), reason)
    for role in roles:
        train_role(prepared, role, folder / role, tell)


def plan(
    settings: TrainConfig,
    dataset: Path,
    folder: Path,
    roles: tuple[Role, ...],
    prompts: str | None = None,
) -> TrainingPlan:
    """Check everything as `train` does, write nothing, and say what training would take.

    Raises:
        MapCoderError: whatever `train` would refuse.
    """
    prepared = prepare(settings, dataset, roles, prompts)
    check_disk(prepared.disk_bytes, folder)
    plans = tuple(_role_plan(prepared, split, folder) for split in prepared.splits.values())
    obstacle = obstacle_to_joint(settings, len(roles), 1)
    return TrainingPlan(
        way="joint" if obstacle is None else f"separate, since {obstacle}",
        num_parameters=prepared.size.num_parameters,
        num_trainable=prepared.size.num_trainable,
        share=prepared.size.share,
        share_of_all=len(Role) * prepared.size.share,
        disk_bytes=prepared.disk_bytes,
        roles=plans,
    )


def _role_plan(prepared: Prepared, split: Split, folder: Path) -> RolePlan:
    memory = prepared.memory[split.role]
    return RolePlan(
        role=split.role,
        is_finished=is_finished(folder / split.role),
        num_rows=len(split.train),
        num_validation=len(split.validation),
        num_dropped=len(split.too_long),
        num_tokens=sum(len(row.ids) for row in split.train),
        longest=longest(split),
        num_steps=order.num_steps(len(split.train), prepared.settings),
        memory_bytes={
            "weights": memory.weights,
            "trained": memory.trained,
            "activations": memory.activations,
        },
    )
