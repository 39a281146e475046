"""Roles' rows become adapters: what is owed, by which way, and the manifest of all.

Knows: roles, what is finished, the two ways of training.
Does not know: how an adapter is trained, what may be refused.
"""

# torch and its libraries leave most of their types open
# pyright: basic

import logging
import warnings
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from accelerate import PartialState
from transformers.utils import logging as transformers_logging

from mapcoder_lite.errors import ConfigError, StoreError
from mapcoder_lite.jsonl import hold
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training import order
from mapcoder_lite.training.arithmetic import memory
from mapcoder_lite.training.artefacts import (
    check_claim,
    claim,
    claim_of,
    is_finished,
    write_manifest,
)
from mapcoder_lite.training.backbone import read_config
from mapcoder_lite.training.checks import Prepared, check_disk, longest, prepare
from mapcoder_lite.training.curves import draw_curves
from mapcoder_lite.training.forecast import durations
from mapcoder_lite.training.joint import train_jointly
from mapcoder_lite.training.journal import Tell, tell_nobody
from mapcoder_lite.training.passes import obstacle_of
from mapcoder_lite.training.preference import PreparedStage, prefer_role, prepare_stage
from mapcoder_lite.training.records import RolePlan, TrainingClaim, TrainingPlan
from mapcoder_lite.training.rows import Split
from mapcoder_lite.training.separate import train_role
from mapcoder_lite.trajectory import Role

log = logging.getLogger(__name__)


@contextmanager
def _quiet() -> Generator[None]:
    """Keep the libraries' loading bars, and what they say to each other, off the terminal."""
    was_shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
        try:
            yield
        finally:
            if was_shown:
                transformers_logging.enable_progress_bar()


@_quiet()
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
    prepared, stage = _prepared(settings, dataset, roles, prompts)
    claims = _claims(prepared, stage)
    processes = PartialState(cpu=not torch.cuda.is_available())
    with ExitStack() as stack:
        if processes.is_main_process:
            stack.callback(_held(folder).close)
        # Of the roles that are asked for, so that who goes on does so the same way.
        obstacle = _obstacle(prepared, processes.num_processes)
        with processes.main_process_first():
            owed = _owed(claims, folder)
            check_disk(_num_at_once(owed, obstacle) * prepared.disk_bytes, folder)
            for role in claims:
                claim(claims[role], folder / role)
        try:
            _train_owed(stage or prepared, folder, owed, obstacle, tell)
        finally:  # one role may fail after others were finished
            if processes.is_main_process:
                _declare(prepared, folder)
    return processes.is_main_process


def _held(folder: Path):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return hold(folder)
    except OSError as error:
        raise StoreError(
            f"cannot write to {folder}: {error.strerror}; name another folder with --out"
        ) from error


def _prepared(
    settings: TrainConfig, dataset: Path, roles: tuple[Role, ...], prompts: str | None
) -> tuple[Prepared, PreparedStage | None]:
    if settings.stage != "sft":
        stage = prepare_stage(settings, dataset, roles, prompts)
        return stage.prepared, stage
    if settings.start is not None:
        raise ConfigError(
            "train.start is where a preference stage begins: set train.stage to dpo or kto, or "
            "leave it out"
        )
    return prepare(settings, dataset, roles, prompts), None


def _claims(prepared: Prepared, stage: PreparedStage | None) -> dict[Role, TrainingClaim]:
    found: dict[Role, TrainingClaim] = {}
    for role, split in prepared.splits.items():
        wanted = claim_of(prepared.settings, prepared.backbone_digest, prepared.tokenizer, split)
        found[role] = stage.claim_of(wanted) if stage else wanted
    return found


def _owed(claims: Mapping[Role, TrainingClaim], folder: Path) -> tuple[Role, ...]:
    """The roles that are not finished; every role's folder must be ours to go on in."""
    for role, wanted in claims.items():
        check_claim(wanted, folder / role)
    finished = [role for role in claims if is_finished(folder / role)]
    for role in finished:
        log.info("%s: finished before, left as it is", role)
    return tuple(role for role in claims if role not in finished)


def _num_at_once(owed: tuple[Role, ...], obstacle: str | None) -> int:
    """How many adapters are trained at a time, as obstacles to joint training have it."""
    return len(owed) if obstacle is None else min(len(owed), 1)


def _obstacle(prepared: Prepared, num_processes: int) -> str | None:
    num_roles = len(prepared.splits)
    obstacle = obstacle_to_joint(prepared.settings, num_roles, num_processes)
    if obstacle is not None and prepared.settings.joint and num_roles > 1:
        raise ConfigError(
            f"train.joint is on, but {obstacle}; leave it out to train one role after the other"
        )
    return obstacle


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
    if settings.stage != "sft":
        return f"train.stage is {settings.stage}"
    if settings.joint is False:
        return "train.joint is off"
    if num_roles < 2:
        return "there is one role"
    if num_processes > 1:
        return f"there are {num_processes} processes"
    if chosen:
        return f"train.{chosen[0]} is {getattr(settings, chosen[0])}"
    return obstacle_of(read_config(Path(settings.backbone or "")), settings.max_tokens)


def _train_owed(
    prepared: Prepared | PreparedStage,
    folder: Path,
    owed: tuple[Role, ...],
    obstacle: str | None,
    tell: Tell,
) -> None:
    names = ", ".join(owed)
    if owed and obstacle is None and isinstance(prepared, Prepared):
        log.info("%s: in one pass over the backbone", names)
        train_jointly(prepared, folder, owed, tell)
        return
    if owed:
        log.info("%s: one after the other, since %s", names, obstacle)
    for role in owed:
        if isinstance(prepared, Prepared):
            train_role(prepared, role, folder / role, tell)
        else:
            prefer_role(prepared, role, folder / role, tell)


def _declare(prepared: Prepared, folder: Path) -> None:
    """Write what speaks of all finished roles."""
    for role in prepared.splits:
        if is_finished(folder / role) and not (folder / role / "loss.svg").exists():
            draw_curves(role, folder / role)
    write_manifest(prepared.dataset, folder)


@_quiet()
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
    prepared, stage = _prepared(settings, dataset, roles, prompts)
    owed, obstacle = _owed(_claims(prepared, stage), folder), _obstacle(prepared, 1)
    num_at_once = _num_at_once(owed, obstacle)
    check_disk(num_at_once * prepared.disk_bytes, folder)
    plans = tuple(
        _role_plan(prepared, split, folder, max(num_at_once, 1))
        for split in prepared.splits.values()
    )
    return TrainingPlan(
        way="joint" if obstacle is None else f"separate, since {obstacle}",
        num_parameters=prepared.size.num_parameters,
        num_trainable=prepared.size.num_trainable,
        share=prepared.size.share,
        share_of_all=len(Role) * prepared.size.share,
        disk_bytes=prepared.disk_bytes,
        roles=plans,
    )


def _role_plan(prepared: Prepared, split: Split, folder: Path, num_at_once: int) -> RolePlan:
    reckoned = prepared.plans[split.role]
    held = memory(reckoned, num_at_once)
    num_tokens = sum(len(row.ids) for row in split.train)
    return RolePlan(
        role=split.role,
        is_finished=is_finished(folder / split.role),
        num_rows=len(split.train),
        num_validation=len(split.validation),
        num_dropped=len(split.too_long),
        num_tokens=num_tokens,
        longest=longest(split),
        num_steps=order.num_steps(len(split.train), prepared.settings),
        memory_bytes={
            "weights": held.weights,
            "trained": held.trained,
            "activations": held.activations,
        },
        minutes=durations(reckoned, prepared.settings.epochs * num_tokens),
    )
