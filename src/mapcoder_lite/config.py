"""Every setting of an experiment, in one frozen tree: defaults, TOML files, overrides.

Knows: sections, their defaults, how layers are merged, the environment (its only door).
Does not know: what a setting does; engines, judges, run directories.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, TypeGuard

from pydantic import Field, ValidationError

from mapcoder_lite.errors import ConfigError
from mapcoder_lite.problem import Language, Record
from mapcoder_lite.trajectory import Role, Sampling, digest

SCHEMA_VERSION = 1

Tree = dict[str, object]


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


class EngineConfig(Record):
    """Backbone, adapters and how to reach them."""

    kind: EngineKind = EngineKind.POCKET
    backbone: str | None = None
    """Folder of the backbone (local)."""
    adapters: bool | dict[Role, str] = True
    """Folder, or name on the server, of each role's adapter; false = the untuned backbone."""
    base_url: str | None = None
    """Where the server listens, with /v1 (openai)."""
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
    max_tokens_in_flight: Annotated[int, Field(gt=0)] | None = None
    """Most tokens of prompts and replies at a time, roughly; None = no limit (openai)."""


class TraversalConfig(Record):
    """How a problem is worked on; k and t as in MapCoder 2405.11403."""

    name: Literal["mapcoder"] = "mapcoder"
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
    concurrency: Annotated[int, Field(gt=0)] = 4
    """Problems worked on at the same time."""
    max_errors: Annotated[int, Field(gt=0)] = 20
    """Units that may fail through the house's fault before the run stops."""
    language: Language = Language.PYTHON


class TrainConfig(Record):
    """How adapters are trained; rank and alpha as in MapCoder-Lite 2509.17489."""

    backbone: str | None = None
    """Folder of the backbone; frozen, never written."""
    rank: Annotated[int, Field(gt=0)] = 32
    alpha: Annotated[int, Field(gt=0)] = 64
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    target_modules: str | list[str] = "all-linear"
    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    epochs: Annotated[float, Field(gt=0)] = 3.0
    batch_rows: Annotated[int, Field(gt=0)] = 4
    accumulation_steps: Annotated[int, Field(gt=0)] = 4
    warmup_steps: Annotated[int, Field(ge=0)] = 20
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    max_tokens: Annotated[int, Field(gt=0)] = 4096
    """Longest row, reply included; a longer one is refused, never cut."""
    max_dropped: Annotated[int, Field(ge=0)] = 0
    """Rows a role that may be left out, by name, for being too long."""
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    """Of the frozen backbone; adapters always train in float32."""
    save_dtype: Literal["float32", "bfloat16"] = "bfloat16"
    autocast: bool = True
    """Compute in bfloat16."""
    gradient_checkpointing: bool = True
    checkpoint_steps: Annotated[int, Field(gt=0)] = 50
    seed: int = 0
    num_threads: Annotated[int, Field(gt=0)] | None = None


class Config(Record):
    """All settings of one experiment."""

    schema_version: Literal[1] = SCHEMA_VERSION
    engine: EngineConfig = EngineConfig()
    traversal: TraversalConfig = TraversalConfig()
    judge: JudgeConfig = JudgeConfig()
    run: RunConfig = RunConfig()
    train: TrainConfig = TrainConfig()

    @property
    def digest(self) -> str:
        """Digest of every setting that may change a run's result."""
        return digest(_flat(self))


# Settings that change how fast or how patiently, never what a run brings; free to differ on
# resume. Training has no part in a run.
_WITHOUT_EFFECT = frozenset(
    {
        "engine.cache_bytes",
        "engine.draft_tokens",
        "engine.prefix_cache_bytes",
        "engine.timeout_seconds",
        "engine.idle_seconds",
        "engine.max_retries",
        "engine.max_in_flight",
        "engine.max_tokens_in_flight",
        "judge.workers",
        "run.concurrency",
        "run.max_errors",
    }
)

# The pocket backbone's context is short, so its replies must be.
_KIND_DEFAULTS: dict[str, Tree] = {
    EngineKind.POCKET: {"traversal": {"max_tokens": 512}},
    EngineKind.TEACHER: {"traversal": {"max_tokens": 512}},
}


def load(files: Sequence[Path] = (), overrides: Sequence[str] = ()) -> Config:
    """Resolve defaults, TOML files and `key.sub=value` overrides, later ones winning.

    Raises:
        ConfigError: a file cannot be read, or a setting does not exist or does not fit.
    """
    layers = [_read_toml(path) for path in files] + [parse_override(text) for text in overrides]
    chosen: Tree = {}
    for layer in layers:
        chosen = _merge(chosen, layer)
    engine = chosen.get("engine")
    kind = engine.get("kind", EngineKind.POCKET) if _is_tree(engine) else EngineKind.POCKET
    merged = _merge(_KIND_DEFAULTS.get(str(kind), {}), chosen)
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from error


def parse_override(text: str) -> Tree:
    """Turn `key.sub=value` into a nested tree; the value is TOML, or else plain text.

    Raises:
        ConfigError: there is no `=`, a key is empty, or the value is empty or half-written TOML.
    """
    key, equals, raw = text.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise ConfigError(f"cannot read -s {text!r}: expected section.key=value, as traversal.k=3")
    tree: Tree = {parts[-1]: _parse_value(raw.strip(), text)}
    for part in reversed(parts[:-1]):
        tree = {part: tree}
    return tree


def differences(old: Config, new: Config) -> tuple[str, ...]:
    """Name the settings that differ and may change a result, as `traversal.k: 3 -> 5`."""
    before, after = _flat(old), _flat(new)
    return tuple(
        f"{key}: {before.get(key)!r} -> {after.get(key)!r}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    )


def api_key(engine: EngineConfig) -> str | None:
    """Read the server's key from the environment; None when no variable is named.

    Raises:
        ConfigError: the named variable is not set, or holds what no header can carry.
    """
    if engine.api_key_env is None:
        return None
    key = os.environ.get(engine.api_key_env)
    if not key:
        raise ConfigError(
            f"engine.api_key_env names {engine.api_key_env}, which is not set: export it, "
            "or unset engine.api_key_env for a server without keys"
        )
    return _sound_key(engine.api_key_env, key)


def environment_server() -> tuple[str, str | None] | None:
    """Return OPENAI_BASE_URL and the key that belongs to it; None when it is not set.

    Raises:
        ConfigError: OPENAI_API_KEY holds what no header can carry.
    """
    url, key = (os.environ.get(f"OPENAI_{name}") for name in ("BASE_URL", "API_KEY"))
    return (url, _sound_key("OPENAI_API_KEY", key) if key else None) if url else None


def wants_plain_output() -> bool:
    """Whether the environment asks for plain lines (NO_COLOR, CI, a dumb terminal)."""
    environment = os.environ
    return bool(
        environment.get("NO_COLOR") or environment.get("CI") or environment.get("TERM") == "dumb"
    )


def _sound_key(variable: str, key: str) -> str:
    if key.isascii() and key.isprintable():
        return key
    raise ConfigError(
        f"the key in {variable} holds a line end, a control character or one beyond ASCII, which "
        "cannot be sent: export it anew (a copied key often ends in a line end)"
    )


def _read_toml(path: Path) -> Tree:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; -c takes a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _parse_value(raw: str, text: str) -> object:
    if not raw:
        raise ConfigError(f'-s {text!r} has no value; write "" for an empty text')
    try:
        return tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError as error:
        # Bare words, paths and addresses need no quotes; an open quote or bracket is a slip.
        if raw[0] in "\"'[{" or "\n" in raw:
            raise ConfigError(f"-s {text!r}: the value is not TOML: {error}") from error
        return raw


def _merge(under: Mapping[str, object], over: Mapping[str, object]) -> Tree:
    merged: Tree = dict(under)
    for key, above in over.items():
        value = above
        below = merged.get(key)
        if _is_tree(below) and _is_tree(value):
            value = _merge(below, value)
        merged[key] = value
    return merged


def _is_tree(value: object) -> TypeGuard[Tree]:
    return isinstance(value, dict)


def _flat(config: Config) -> dict[str, object]:
    flat: dict[str, object] = {}
    for section, settings in config.model_dump(mode="json").items():
        if not _is_tree(settings):
            flat[section] = settings
            continue
        flat |= {f"{section}.{key}": value for key, value in settings.items()}
    return {
        key: value
        for key, value in flat.items()
        if key not in _WITHOUT_EFFECT and not key.startswith("train.")
    }


def _explain(error: ValidationError) -> str:
    return "; ".join(
        _explain_one(part["type"], part["loc"], part["msg"]) for part in error.errors()
    )


def _explain_one(kind: str, location: tuple[int | str, ...], message: str) -> str:
    key = ".".join(str(part) for part in location)
    if kind != "extra_forbidden":
        return f"{key}: {message[:1].lower()}{message[1:]}"
    known = known_settings()
    near = difflib.get_close_matches(key, known, n=1) or difflib.get_close_matches(
        str(location[-1]), [name.rpartition(".")[2] for name in known], n=1
    )
    hint = f"did you mean {near[0]}?" if near else "settings are " + ", ".join(known)
    return f"{key}: no such setting; {hint}"


def known_settings() -> tuple[str, ...]:
    """Every setting's full key, as `traversal.k`."""
    default = Config().model_dump(mode="json")
    return tuple(
        f"{section}.{key}"
        for section, settings in default.items()
        if _is_tree(settings)
        for key in settings
    )
