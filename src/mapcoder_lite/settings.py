"""The sections of an experiment's settings: every key, its default and what it means.

Knows: names, types, bounds.
Does not know: files, how layers are merged, what uses a setting.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mapcoder_lite.problem import Language, Record
from mapcoder_lite.trajectory import Role, Sampling
from mapcoder_lite.traversal import Defect, TraversalName


class EngineKind(StrEnum):
    """Who answers the requests."""

    POCKET = "pocket"
    """The bundled miniature backbone with its four adapters."""
    LOCAL = "local"
    """A transformers folder and PEFT adapters, in this process."""
    OPENAI = "openai"
    """Any OpenAI-compatible server."""
    TEACHER = "teacher"
    """The scripted teacher of the pocket world."""
    SUPERVISOR = "supervisor"
    """The scripted supervisor of the pocket world."""
    REPLAY = "replay"
    """The recorded calls of a run directory, nothing else."""


class ServerKind(StrEnum):
    """What kind of server listens at engine.base_url: how adapters, grammars and contexts go."""

    OPENAI = "openai"
    """Any OpenAI-compatible server, a hosted one too."""
    VLLM = "vllm"
    SGLANG = "sglang"
    LLAMA = "llama"
    """llama-server of llama.cpp."""
    OLLAMA = "ollama"


class PriceConfig(Record):
    """What a server takes, in dollars a million tokens.

    No prices are built in: the same model name has had several, some by the hour of the day.
    """

    prompt: Annotated[float, Field(ge=0)]
    cached: Annotated[float, Field(ge=0)] | None = None
    """Of prompt tokens that the server had read before; None = as any other."""
    completion: Annotated[float, Field(ge=0)]


class EngineConfig(Record):
    """Backbone, adapters and how to reach them."""

    kind: EngineKind = EngineKind.POCKET
    backbone: str | None = None
    """Folder of the backbone (local)."""
    adapters: bool | dict[Role, str] = True
    """Folder, or name on the server, of each role's adapter; false = the untuned backbone."""
    base_url: str | None = None
    """Where the server listens, with /v1 (openai)."""
    replicas: tuple[str, ...] = ()
    """Further addresses of the same model with the same adapters (openai); they may come and go."""
    model: str | None = None
    """Name of the backbone on the server (openai)."""
    server: ServerKind | None = None
    """What kind of server it is (openai); None = it is asked."""
    context_tokens: Annotated[int, Field(gt=0)] | None = None
    """Prompt and reply together, at most (openai); None = the server is asked."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key (openai); the key is never stored."""
    recording: str | None = None
    """Run directory whose calls are replayed (replay)."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: str | None = None
    max_batch_rows: Annotated[int, Field(gt=0)] = 32
    """Requests answered at the same time."""
    cache_bytes: Annotated[int, Field(gt=0)] = 4 * 2**30
    """Of keys and values of the requests being answered (pocket, local); others wait."""
    prefix_cache_bytes: Annotated[int, Field(ge=0)] = 2**30
    """Of prompts' keys and values, kept for prompts that begin alike (pocket, local); 0 = none."""
    draft_tokens: Annotated[int, Field(ge=0)] = 8
    """Guessed ahead a reply and step (pocket, local); 0 = none. Changes no token in float32; in
    bfloat16 rounding depends on what is computed together, neighbours and guesses alike."""
    num_threads: Annotated[int, Field(gt=0)] | None = None
    """Processor threads of a forward at most (pocket, local); None = as many as torch takes."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 300.0
    """Longest wait for a reply's first token (openai)."""
    idle_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Longest silence within a reply (openai)."""
    max_retries: Annotated[int, Field(ge=0)] = 5
    max_in_flight: Annotated[int, Field(gt=0)] = 32
    """Most requests at a time; fewer while the server says that it is too many (openai)."""
    mistakes: Annotated[float, Field(ge=0, le=100)] = 1.0
    """What the rates at which a script errs are multiplied by (teacher, supervisor)."""
    stubborn: bool = False
    """Whether a script errs alike at a problem and task in every attempt, so that failures are no
    bad luck (teacher)."""
    max_tokens_in_flight: Annotated[int, Field(gt=0)] | None = None
    """Most tokens of prompts and replies at a time, roughly; None = no limit (openai)."""
    price: PriceConfig | None = None
    """None = unknown, which is never taken for nothing."""


class TraversalConfig(Record):
    """How a problem is worked on; k and t as in MapCoder 2405.11403."""

    name: TraversalName = TraversalName.MAPCODER
    defects: tuple[Defect, ...] | None = None
    """Of the original traversal alone: which defects of its released code are on; None = all."""
    k: Annotated[int, Field(gt=0)] = 3
    """Exemplars recalled, hence plans."""
    t: Annotated[int, Field(ge=0)] = 5
    """Debug rounds a plan."""
    temperature: Annotated[float, Field(ge=0, le=100)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Annotated[int, Field(gt=0)] = 4096
    seed: int = 0
    retry_temperature: Annotated[float, Field(ge=0, le=100)] = 0.8
    """Least temperature of a second ask; at 0 the same unreadable reply would return."""
    structured: bool = False
    """Hold replies that are XML to their layout; off = format failures are counted, as in the
    paper."""

    @model_validator(mode="after")
    def _defects_are_the_original_s(self) -> "TraversalConfig":
        if self.defects is not None and self.name is not TraversalName.ORIGINAL:
            raise ValueError(
                f"defects are those of the original traversal, and this is {self.name}: set "
                "traversal.name=original, or leave traversal.defects unset"
            )
        return self

    @property
    def active_defects(self) -> frozenset[Defect]:
        """The defects that are on."""
        if self.name is not TraversalName.ORIGINAL:
            return frozenset()
        return frozenset(Defect if self.defects is None else self.defects)

    @property
    def sampling(self) -> Sampling:
        """How every reply is drawn."""
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens,
            seed=self.seed,
        )


class JudgeConfig(Record):
    """How programs are judged."""

    workers: Annotated[int, Field(gt=0)] | None = None
    """None = one a physical core."""
    unsafe: bool = False
    """Run programs without isolation; every judgement says so."""
    tier: Literal["auto", "bubblewrap", "landlock"] = "auto"
    speed_factor: Annotated[float, Field(gt=0, le=32)] | Literal["auto"] = "auto"
    """What CPU limits are multiplied by. auto = measured when the judge is opened: 1 on any machine
    as fast as the reference, more on a slower one; every judgement records it."""


class RunConfig(Record):
    """What a run works on."""

    problems: str | None = None
    """problems.jsonl."""
    hidden_tests: str | None = None
    """hidden_tests.jsonl; None = nothing is graded."""
    limit: Annotated[int, Field(gt=0)] | None = None
    """Only the first problems of the file."""
    samples: Annotated[int, Field(gt=0)] = 1
    """Attempts a problem."""
    wanted_passes: Annotated[int, Field(ge=0)] = 0
    """Passing attempts that a problem is to have: one that lacks them gets further attempts, more
    the harder its kind is; 0 = none are made. pass@1 counts the first attempts alone."""
    max_samples: Annotated[int, Field(gt=0)] = 16
    """Attempts a problem at most, the first ones included, when passes are wanted."""
    concurrency: Annotated[int, Field(gt=0)] = 4
    """Problems worked on at the same time."""
    max_errors: Annotated[int, Field(gt=0)] = 20
    """Units that may fail through the house's fault before the run stops."""
    max_error_share: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of a sitting's units that may fail so, once 20 have ended; None = any."""
    reuse: tuple[str, ...] = ()
    """Earlier runs whose stored completions answer equal requests to the same engine."""
    executor: Literal["threads", "ray"] = "threads"
    """Who carries the units out: threads of this process, or the processes of a Ray cluster."""
    language: Language = Language.PYTHON


class ClusterConfig(Record):
    """The Ray cluster of run.executor=ray."""

    address: str | None = None
    """Of its head, as 10.0.0.1:6379; None = one on this machine, that ends with the run."""
    solvers: Annotated[int, Field(gt=0)] = 2
    """Processes that work on problems; run.concurrency is spread over them."""
    solver_cpus: Annotated[float, Field(ge=0)] = 1.0
    """CPUs of the cluster that each is given."""
    judges: Annotated[int, Field(gt=0)] | None = None
    """Processes that judge, one program at a time; None = as many as the cluster has of the
    resource `judge`. On this machine: judge.workers, or one a physical core."""
    max_losses: Annotated[int, Field(gt=0)] = 3
    """Solvers that may be lost under a unit before it is reported as failed, and owed again."""


class BudgetConfig(Record):
    """What a command may use up before it stops with its state saved; None = no bound.

    What earlier sittings of the same run were answered counts, hours excepted. In the service it
    bounds each solve by itself.
    """

    calls: Annotated[int, Field(gt=0)] | None = None
    """Completions that are had, not tries."""
    tokens: Annotated[int, Field(gt=0)] | None = None
    """Of prompts and replies together."""
    dollars: Annotated[float, Field(gt=0)] | None = None
    """Needs the prices of every engine that is asked."""
    hours: Annotated[float, Field(gt=0)] | None = None
    """Of one sitting, by the clock."""

    def within(self, other: "BudgetConfig") -> "BudgetConfig":
        """Return what both allow."""
        both = [
            (name, [value for value in (getattr(self, name), getattr(other, name)) if value])
            for name in BudgetConfig.model_fields
        ]
        return BudgetConfig.model_validate({name: min(given) for name, given in both if given})


class ServeConfig(Record):
    """What `mapcoder serve` allows, and where it keeps what it did."""

    folder: str = "runs/served"
    """A directory a run."""
    evaluations: str = "runs"
    """Run directories of `mapcoder run`, which are shown."""
    max_running: Annotated[int, Field(gt=0)] = 4
    """Solves at a time."""
    max_waiting: Annotated[int, Field(ge=0)] = 64
    """Further ones that wait; beyond them a request is refused for now."""
    max_seconds: Annotated[float, Field(gt=0)] = 1800.0
    """Of one solve, after which it is called off."""
    max_tests: Annotated[int, Field(gt=0)] = 2000
    """Samples of a problem."""
    max_statement_chars: Annotated[int, Field(gt=0)] = 100_000
    hosts: tuple[str, ...] = ()
    """Names under which it may be reached, beside the loopback ones and the address it binds."""


class RepairConfig(Record):
    """How failed trajectories are corrected under a supervisor (MapCoder-Lite 2509.17489)."""

    rounds: Annotated[int, Field(gt=0)] = 2
    """Corrections a trajectory at most."""
    temperature: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Of the supervisor."""
    max_tokens: Annotated[int, Field(gt=0)] = 2048
    """Of the supervisor's reply."""
    seed: int = 0
    """Of the supervisor."""

    @property
    def sampling(self) -> Sampling:
        """How the supervisor's replies are drawn."""
        return Sampling(temperature=self.temperature, max_tokens=self.max_tokens, seed=self.seed)


class DatasetConfig(Record):
    """Which steps earn a row, and which rows are kept."""

    keep: Literal["passing", "all"] = "passing"
    """Attempts that teach: those whose program passed all hidden tests, or all, which measures what
    that filter is worth."""

    against: tuple[str, ...] = ()
    """problems.jsonl of every evaluation set that no row may overlap with."""
    ngram_words: Annotated[int, Field(gt=0)] = 8
    """Words of an n-gram, as in s1 (2501.19393)."""
    max_containment: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Share of an evaluation problem's n-grams that a problem or a reply may not reach."""
    max_similarity: Annotated[float, Field(ge=0.3, le=1)] = 0.7
    """Likeness to an evaluation problem as a whole that a problem may not reach."""
    drop_overlap: bool = True
    """Leave out what overlaps; off = it is only reported."""
    near_duplicate: Annotated[float, Field(ge=0.3, le=1)] = 0.95
    """Likeness from which two rows of a role and kind count as one; 1 = only equal ones."""
    max_rows_per_problem: Annotated[int, Field(gt=0)] | None = 8
    """Rows a problem and role."""
    validation_share: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Of the problems, whose rows no adapter is trained on."""
    tokenizer: str | None = None
    """Folder of the tokenizer that rows are measured by; None = as who answered counted."""
    seed: int = 0
    """Of the split."""


class PreferenceConfig(Record):
    """How a trained adapter learns to prefer what led to a pass: DPO (2305.18290), KTO
    (2402.01306)."""

    beta: Annotated[float, Field(gt=0)] = 0.1
    """Nats of difference from the start that count as one; lower lets the adapter go further."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-5
    epochs: Annotated[float, Field(gt=0)] = 1.0
    sft_weight: Annotated[float, Field(ge=0)] = 0.0
    """Of the chosen reply's own loss a token beside DPO's, which alone may make both replies less
    likely (RPO, 2404.19733)."""
    min_rows: Annotated[int, Field(gt=0)] = 32
    """Pairs a role, or labelled replies of either kind, below which it is refused."""


class TrainConfig(Record):
    """How adapters are trained; rank and alpha as in MapCoder-Lite 2509.17489."""

    backbone: str | None = None
    """Folder of the backbone; frozen, never written."""
    method: Literal["lora", "full"] = "lora"
    """full = all weights are trained, into a whole model a role; for comparison."""
    joint: bool | None = None
    """Train the adapters of all roles in one pass over the backbone; None = where it can be done,
    true = or refuse."""
    rank: Annotated[int, Field(gt=0)] = 32
    alpha: Annotated[int, Field(gt=0)] = 64
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    target_modules: str | tuple[str, ...] = "all-linear"
    """Layers that are adapted: all-linear, attention, mlp, qv, or the names of modules."""
    rslora: bool = False
    """Scale by alpha / sqrt(rank) in place of alpha / rank (2312.03732)."""
    dora: bool = False
    """Train magnitudes beside directions (2402.09353); our own engine does not serve it."""
    initialisation: Literal["default", "gaussian", "orthogonal", "pissa", "olora"] = "default"
    """Of the adapter; pissa (2404.02948) and olora (2406.01775) begin with a part of the backbone's
    weights and are saved as plain LoRA of twice the rank."""
    loraplus_ratio: Annotated[float, Field(ge=1)] = 1.0
    """Learning rate of B over that of A (LoRA+, 2402.12354); 1 = one rate."""
    quant: Literal["none", "nf4"] = "none"
    """Hold the frozen backbone in 4 bits (QLoRA, 2305.14314)."""
    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    epochs: Annotated[float, Field(gt=0)] = 3.0
    batch_rows: Annotated[int, Field(gt=0)] = 4
    """Rows of a forward, a process."""
    accumulation_steps: Annotated[int, Field(gt=0)] = 4
    """Forwards of a step, a process."""
    warmup_steps: Annotated[int, Field(ge=0)] = 20
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    validation_steps: Annotated[int, Field(gt=0)] | None = None
    """Steps between two looks at the validation rows; None = an epoch."""
    patience: Annotated[int, Field(gt=0)] | None = None
    """Looks without a lower validation loss after which a role stops, with the best of its weights
    kept; None = all epochs are trained and the last weights kept."""
    max_tokens: Annotated[int, Field(gt=0)] = 4096
    """Longest row, reply included; a longer one is refused, never cut."""
    max_dropped: Annotated[int, Field(ge=0)] = 0
    """Rows a role that may be left out, by name, for being too long."""
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    """Of the frozen backbone, or of all weights in full fine-tuning."""
    adapter_dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the adapter while it is trained."""
    save_dtype: Literal["float32", "bfloat16"] = "bfloat16"
    autocast: bool = True
    """Compute in bfloat16."""
    gradient_checkpointing: bool = True
    """Keep only each layer's input for the way back: less memory, a third more computing."""
    checkpoint_steps: Annotated[int, Field(gt=0)] = 50
    log_steps: Annotated[int, Field(gt=0)] = 10
    """Steps of a line of metrics.jsonl at most; checkpoints and validations have one too."""
    report_to: Literal["trackio", "wandb"] | None = None
    """Who else is told of every line; None = nobody."""
    seed: int = 0
    num_threads: Annotated[int, Field(gt=0)] | None = None
    stage: Literal["sft", "dpo", "kto"] = "sft"
    """sft = from rows; dpo, kto = from a data set's preferences, on top of the adapters `start`."""
    start: str | None = None
    """Folder of the adapters, made by `mapcoder train`, that a preference stage goes on from; they
    stay as they are, and are its reference. Rank and targets are theirs."""
    preference: PreferenceConfig = PreferenceConfig()
