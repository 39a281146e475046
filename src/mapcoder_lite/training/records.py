"""What a training leaves in writing: what was begun, how it went step by step, what came of it.

Knows: the records beside adapters.
Does not know: models, trainers, how the files are written.
"""

from typing import Literal

from mapcoder_lite.problem import Record
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.trajectory import Role

SCHEMA_VERSION = 1


class TrainingClaim(Record):
    """settings.json: everything that decides an adapter; who goes on must bring the same."""

    schema_version: Literal[1] = SCHEMA_VERSION
    role: Role
    settings: TrainConfig
    backbone_digest: str
    """Hex SHA-256 of the backbone's files."""
    template_digest: str
    """Hex SHA-256 of the chat template."""
    rows_digest: str
    """Hex SHA-256 of all rows of the role: trained on, for validation, too long."""
    start_digest: str | None = None
    """Of the adapter that a preference stage goes on from; None: of no such stage."""


class TrainingLine(Record):
    """A line of metrics.jsonl: training since the line before, or one look at validation rows."""

    step: int
    """Steps of the optimiser so far; 0 = the untuned backbone."""
    epoch: float
    loss: float | None = None
    """Mean over the completions' tokens since the line before, in nats; None = a validation."""
    learning_rate: float | None = None
    gradient_norm: float | None = None
    """Before clipping, of the last step."""
    validation_loss: float | None = None
    """Mean over the tokens of all validation completions, in nats."""
    margin: float | None = None
    """Of a preference stage, whose losses are its own: how much more likely than at the start good
    replies have become than bad ones, in nats times beta; with either loss."""
    num_tokens: int
    """Seen so far, of prompts and completions, padding left out."""
    seconds: float
    """Of training so far, sittings added up, validation and checkpoints included."""
    tokens_per_second: float | None = None
    """Of prompts and completions in the steps since the line before."""
    peak_memory_bytes: int | None = None
    """Of the accelerator, or of the process where there is none."""


class Preferences(Record):
    """What a preference stage learnt from."""

    stage: Literal["dpo", "kto"]
    num_good: int
    """Chosen replies, or those labelled good."""
    num_bad: int
    median_good: int
    """Tokens of the good replies."""
    median_bad: int
    start_digest: str
    """Of the adapter it went on from, as the engine reckons it."""
    margin: float | None
    """On the validation rows, of the weights that were kept; None: there are none."""


class Training(Record):
    """training.json: an adapter is complete; written last of its files."""

    schema_version: Literal[1] = SCHEMA_VERSION
    role: Role
    way: Literal["separate", "joint"]
    """Trained alone, or with other roles' adapters in one pass."""
    num_rows: int
    num_validation: int
    num_dropped: int
    """Too long, hence left out."""
    num_steps: int
    """Steps of the optimiser that were taken."""
    best_step: int
    """The step whose weights were kept."""
    stopped: Literal["epochs", "no_gain"]
    """All epochs were trained, or the validation loss had stopped falling."""
    num_trainable: int
    """Parameters of the adapter, or of the whole model in full fine-tuning."""
    share: float
    """Of these in the backbone's parameters."""
    num_tokens: int
    """Seen, of prompts and completions, padding left out."""
    seconds: float
    """Of training, sittings added up; validation included."""
    peak_memory_bytes: int | None
    loss: float
    """The last of the lines of metrics.jsonl."""
    untuned_loss: float | None
    """Of the backbone without adapter on the validation rows; None: there are none."""
    validation_loss: float | None
    """Of the weights that were kept."""
    weights_digest: str
    """Hex SHA-256 of the adapter as the engine reckons it, or of the whole model's files."""
    preferences: Preferences | None = None
    """Of a preference stage: `num_rows` are pairs or labelled replies, and losses are its own."""


class AdapterManifest(Record):
    """mapcoder.json: which adapters lie here, what they fit and what they were made of."""

    schema_version: Literal[1] = SCHEMA_VERSION
    roles: tuple[Role, ...]
    settings: TrainConfig
    backbone: str
    """Name of its folder."""
    backbone_digest: str
    template_digest: str
    dataset: dict[str, object]
    """The data set's own manifest; it names the prompts that the rows were asked with."""
    trainings: dict[Role, Training]
    version: str
    commit: str | None
    packages: dict[str, str]
    """What computed, and its version."""
    device: str


class Merged(Record):
    """merged.json: a whole model, made of a backbone and one adapter."""

    schema_version: Literal[1] = SCHEMA_VERSION
    adapter: str
    """Name of its folder, the role."""
    adapter_digest: str
    backbone: str
    """Name of its folder."""
    backbone_digest: str
    dtype: Literal["float32", "bfloat16", "float16"]
    """Of the saved weights; merged in float32."""
    difference: float
    """Largest difference of a logit from the adapter over the backbone, in float32, in deviations
    of the logits."""
    rounded_difference: float
    """The same in the dtype that was saved."""


class RolePlan(Record):
    """What training one role would take."""

    role: Role
    is_finished: bool
    num_rows: int
    num_validation: int
    num_dropped: int
    num_tokens: int
    """Of an epoch, prompts and completions."""
    longest: int
    """Tokens of the longest row."""
    num_steps: int
    memory_bytes: dict[Literal["weights", "trained", "activations"], int]
    """By arithmetic: of the backbone; of the adapter, its gradient and AdamW, of all roles where
    they are trained together; of one forward with the longest row in every place. What libraries
    hold beside comes on top."""
    minutes: dict[str, float]
    """By arithmetic, of all epochs: device to what it takes at the share of its peak that is usual,
    padding and validation not counted."""


class TrainingPlan(Record):
    """What `train --dry-run` says: nothing was refused, and this is what would be done."""

    schema_version: Literal[1] = SCHEMA_VERSION
    way: str
    """joint, or separate and why."""
    num_parameters: int
    """Of the backbone."""
    num_trainable: int
    """Of one role."""
    share: float
    """Of these in the backbone's."""
    share_of_all: float
    """Of the adapters of all four roles together in the backbone's."""
    disk_bytes: int
    """That a role takes at most while it is trained."""
    roles: tuple[RolePlan, ...]
