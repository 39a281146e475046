"""Several roles' rows become their adapters in one pass over one frozen backbone.

Every role goes its own course - order of rows, schedule, clipping, early stop - and comes to what
it would come to alone; only the passes over the backbone are shared. A role that has ended leaves
the batches. Each has a checkpoint of its own.

Knows: which roles go on, their checkpoints, what is written when one ends.
Does not know: how a gradient is found, what a step does to an adapter.
"""

# torch and its libraries leave most of their types open
# pyright: basic

import logging
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from peft import LoraConfig
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from mapcoder_lite.errors import StoreError, TrainingError
from mapcoder_lite.jsonl import JsonLines
from mapcoder_lite.training import variants
from mapcoder_lite.training.artefacts import (
    complete,
    keep_metrics,
    read_metrics,
    save_adapter,
    weights_digest,
)
from mapcoder_lite.training.backbone import load_backbone
from mapcoder_lite.training.checks import Prepared
from mapcoder_lite.training.course import Course, Ending, Progress
from mapcoder_lite.training.journal import FILE, StepTaken, Tell, peak_memory_bytes
from mapcoder_lite.training.packing import TokenRow
from mapcoder_lite.training.passes import (
    Backbone,
    Outcome,
    adapt,
    learn,
    peft_start,
    tokens_at_once,
    validation_losses,
)
from mapcoder_lite.training.records import Training, TrainingLine
from mapcoder_lite.training.rows import Row
from mapcoder_lite.trajectory import Role

log = logging.getLogger(__name__)

_PROGRESS = TypeAdapter(Progress)


@dataclass(slots=True)
class Lane:
    """One role of a joint training, and what is told of it."""

    role: Role
    place: int
    """Of its adapter on the backbone."""
    course: Course
    folder: Path
    seconds_before: float = 0.0
    """Of earlier sittings."""
    norm: float | None = None
    tokens_at_line: int = 0
    seconds_at_line: float = 0.0

    @property
    def checkpoint(self) -> Path:
        """File of the role's last whole state."""
        return self.folder / "checkpoints" / "joint.safetensors"


@dataclass(frozen=True, slots=True)
class Team:
    """All that is trained together."""

    prepared: Prepared
    backbone: Backbone
    lora: LoraConfig
    lanes: tuple[Lane, ...]
    tell: Tell
    started: float
    """Reading of the clock."""


def train_jointly(prepared: Prepared, folder: Path, roles: tuple[Role, ...], tell: Tell) -> None:
    """Train the roles' adapters together, each into `folder/<role>`, from their last checkpoints.

    Raises:
        StoreError: the disk is full; the checkpoints before are whole.
        TrainingError: a role's loss or gradient is no number; its last checkpoint is kept, and the
            other roles have been trained to their ends.
    """
    if prepared.settings.num_threads:
        torch.set_num_threads(prepared.settings.num_threads)
    team = _team(prepared, folder, roles, tell)
    for lane in team.lanes:
        _resume(lane)
    _look(team, team.lanes)
    lost = _ended(team, team.lanes)
    while going := [lane for lane in team.lanes if lane.course.progress.ending is None]:
        _step(team, going)
        lost += _ended(team, going)
    if lost:
        raise TrainingError(_told_of(lost))


def _team(prepared: Prepared, folder: Path, roles: tuple[Role, ...], tell: Tell) -> Team:
    settings = prepared.settings
    rows = {role: [_tokens(row) for row in split.train] for role, split in prepared.splits.items()}
    transformers.set_seed(settings.seed)
    model = load_backbone(settings)
    start = peft_start(model, variants.lora_config(settings))
    if torch.cuda.is_available():
        model.to(torch.device("cuda"))  # type: ignore[arg-type]  # declared for modules' own method
    backbone = adapt(
        model,
        [start.matrices] * len(roles),
        settings,
        tokens_at_once(tuple(rows.values()), settings, model.device),
    )
    lanes = tuple(
        Lane(
            role,
            place,
            Course(
                settings,
                rows[role],
                [_tokens(row) for row in prepared.splits[role].validation],
                backbone.mix.adapters[place],
            ),
            folder / role,
        )
        for place, role in enumerate(roles)
    )
    return Team(prepared, backbone, start.config, lanes, tell, time.monotonic())


def _tokens(row: Row) -> TokenRow:
    return TokenRow(tuple(row.ids), row.num_prompt)


def _ended(team: Team, lanes: Sequence[Lane]) -> list[Lane]:
    """Finish the roles that came to their end; return those that came to nothing."""
    lost: list[Lane] = []
    for lane in lanes:
        if lane.course.progress.ending is Ending.NOT_FINITE:
            lost.append(lane)
        elif lane.course.progress.ending is not None:
            _finish(team, lane)
    return lost


def _step(team: Team, going: Sequence[Lane]) -> None:
    """One pass, one step of each role's optimiser, and whatever falls due after it."""
    found = learn(team.backbone, {lane.place: lane.course.next_rows() for lane in going})
    for lane in going:
        _take(lane, found[lane.place])
    good = _good(going)
    for lane in good:
        course = lane.course
        team.tell(StepTaken(lane.role, course.progress.step, course.num_steps))
        if _is_line_due(lane) or course.is_look_due:
            _write_loss(team, lane)
    _look(team, good)
    # Also when a role ends: who goes on after a kill meets the same rows in a batch as before.
    has_ended = any(lane.course.progress.ending is not None for lane in going)
    good = _good(good)  # weights that look like no number replace none
    if has_ended or any(_is_checkpoint_due(lane) for lane in good):
        _save_checkpoints(good)


def _good(lanes: Sequence[Lane]) -> list[Lane]:
    return [lane for lane in lanes if lane.course.progress.ending is not Ending.NOT_FINITE]


def _take(lane: Lane, outcome: Outcome) -> None:
    lane.course.take_step(outcome.loss, outcome.norm, outcome.num_tokens)
    lane.norm = outcome.norm


def _is_checkpoint_due(lane: Lane) -> bool:
    return lane.course.progress.step % lane.course.settings.checkpoint_steps == 0


def _is_line_due(lane: Lane) -> bool:
    """As in a training alone, which writes one with a checkpoint too."""
    course = lane.course
    is_due = course.progress.step % course.settings.log_steps == 0 or _is_checkpoint_due(lane)
    return is_due or course.progress.ending is not None


# --- what is told --------------------------------------------------------------------------------


def _write_loss(team: Team, lane: Lane) -> None:
    """A line of the steps since the one before."""
    seconds = time.monotonic() - team.started
    num_tokens = lane.course.progress.num_tokens
    spent = seconds - lane.seconds_at_line
    losses = lane.course.progress.losses
    line = _line(
        team,
        lane,
        loss=sum(losses) / len(losses),
        learning_rate=lane.course.last_learning_rate,
        gradient_norm=lane.norm,
        tokens_per_second=(num_tokens - lane.tokens_at_line) / spent if spent else None,
    )
    losses.clear()
    lane.tokens_at_line, lane.seconds_at_line = num_tokens, seconds
    _append(team, lane, line)


def _look(team: Team, lanes: Sequence[Lane]) -> None:
    """Validate the roles that it is time for."""
    due = [lane for lane in lanes if lane.course.is_look_due]
    if not due:
        return
    losses = validation_losses(team.backbone, {lane.place: lane.course.validation for lane in due})
    for lane in due:
        lane.course.look(losses[lane.place])
        if lane.course.progress.ending is not Ending.NOT_FINITE:
            _append(team, lane, _line(team, lane, validation_loss=losses[lane.place]))


def _line(team: Team, lane: Lane, **numbers: float | None) -> TrainingLine:
    progress = lane.course.progress
    return TrainingLine(
        step=progress.step,
        epoch=lane.course.epoch,
        num_tokens=progress.num_tokens,
        seconds=lane.seconds_before + time.monotonic() - team.started,
        peak_memory_bytes=peak_memory_bytes(),
        **numbers,  # type: ignore[arg-type]  # the names of its fields
    )


def _append(team: Team, lane: Lane, line: TrainingLine) -> None:
    lines = JsonLines(lane.folder / FILE, TrainingLine)
    try:
        lines.append(line)
    finally:
        lines.close()
    course = lane.course
    team.tell(StepTaken(lane.role, course.progress.step, course.num_steps, line))


# --- checkpoints ---------------------------------------------------------------------------------


def _save_checkpoints(lanes: Sequence[Lane]) -> None:
    """Replace the roles' checkpoints, each whole or not at all, and all of them or none."""
    written: list[Path] = []
    try:
        for lane in lanes:
            temporary = lane.checkpoint.with_suffix(".tmp")
            written.append(temporary)
            _write_state(lane, temporary)
        for lane, temporary in zip(lanes, written, strict=True):
            temporary.replace(lane.checkpoint)
    except (OSError, SafetensorError) as error:
        for temporary in written:  # half written; they would hold the disk full
            temporary.unlink(missing_ok=True)
        raise StoreError(
            f"cannot write {written[-1].with_suffix('.safetensors')}: {error}; the checkpoints "
            "before it are whole: free the disk and give the same command"
        ) from error


def _write_state(lane: Lane, path: Path) -> None:
    tensors = {name: tensor.detach().cpu() for name, tensor in lane.course.state().items()}
    progress = _PROGRESS.dump_json(lane.course.progress).decode()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"progress": progress})
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _resume(lane: Lane) -> None:
    """Put a role where its checkpoint is; without one it begins, and so do its lines."""
    path = lane.checkpoint
    if not path.exists():
        keep_metrics(lane.folder / FILE, until_step=-1)
        return
    try:
        with safe_open(path, framework="pt") as file:
            progress = _PROGRESS.validate_json((file.metadata() or {}).get("progress", ""))
            lane.course.restore(progress, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (SafetensorError, ValidationError, KeyError, RuntimeError) as error:
        raise StoreError(
            f"{path} is damaged ({error}): remove it to begin {lane.role} anew"
        ) from error
    log.info("%s: goes on after step %d", lane.role, progress.step)
    keep_metrics(lane.folder / FILE, until_step=progress.step)
    lines = read_metrics(lane.folder / FILE)
    lane.seconds_before = lines[-1].seconds if lines else 0.0
    lane.tokens_at_line = progress.num_tokens


def _told_of(lost: Sequence[Lane]) -> str:
    where = "; ".join(
        f"{lane.role} after step {lane.course.progress.step} ({_place(lane)})" for lane in lost
    )
    return (
        f"loss or gradient is no number: {where}; lower train.learning_rate or raise "
        "train.warmup_steps, under another --name; the other roles were trained to their ends"
    )


def _place(lane: Lane) -> str:
    kept = lane.checkpoint
    return f"{kept} holds the last good weights" if kept.exists() else "no checkpoint was reached"


# --- the end of a role ---------------------------------------------------------------------------


def _finish(team: Team, lane: Lane) -> None:
    """Save the adapter and declare it complete; its checkpoint has served."""
    course, settings = lane.course, lane.course.settings
    save_adapter(team.backbone.mix.tensors(course.kept), team.lora, settings, lane.folder)
    complete(_record(team, lane), lane.folder)
    shutil.rmtree(lane.folder / "checkpoints", ignore_errors=True)
    log.info("%s: finished after step %d", lane.role, course.progress.step)


def _record(team: Team, lane: Lane) -> Training:
    course, progress = lane.course, lane.course.progress
    split, size = team.prepared.splits[lane.role], team.prepared.size
    lines = read_metrics(lane.folder / FILE)
    looks = {line.step: line.validation_loss for line in lines if line.validation_loss is not None}
    best_step = progress.step if course.best is None else progress.best_step
    return Training(
        role=lane.role,
        way="joint",
        num_rows=len(split.train),
        num_validation=len(split.validation),
        num_dropped=len(split.too_long),
        num_steps=progress.step,
        best_step=best_step,
        stopped="no_gain" if progress.ending is Ending.NO_GAIN else "epochs",
        num_trainable=size.num_trainable,
        share=size.share,
        num_tokens=progress.num_tokens,
        seconds=lines[-1].seconds,
        peak_memory_bytes=peak_memory_bytes(),
        loss=next(line.loss for line in reversed(lines) if line.loss is not None),
        untuned_loss=looks.get(0),
        validation_loss=looks.get(best_step),
        weights_digest=weights_digest(lane.folder),
    )
