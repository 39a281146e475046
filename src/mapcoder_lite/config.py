"""Every setting of an experiment, in one frozen tree: defaults, TOML files, overrides.

Knows: sections, their defaults, how layers are merged, the environment (its only door).
Does not know: what a setting does; engines, judges, run directories.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeGuard, cast

from pydantic import Field, ValidationError

from mapcoder_lite.errors import ConfigError
from mapcoder_lite.problem import Record
from mapcoder_lite.settings import (
    BudgetConfig,
    ClusterConfig,
    DatasetConfig,
    EngineConfig,
    EngineKind,
    JudgeConfig,
    RepairConfig,
    RunConfig,
    ServeConfig,
    TrainConfig,
    TraversalConfig,
)
from mapcoder_lite.trajectory import Role, digest

SCHEMA_VERSION = 1

Tree = dict[str, object]


class Config(Record):
    """All settings of one experiment."""

    schema_version: Literal[1] = SCHEMA_VERSION
    engine: EngineConfig = EngineConfig()
    roles: dict[Role, EngineConfig] = Field(default_factory=dict[Role, EngineConfig])
    """Roles that another engine answers."""
    teachers: tuple[EngineConfig, ...] = ()
    """Further teachers: the n-th sample is answered by the n-th of [engine] and these, in turn."""
    supervisor: EngineConfig | None = None
    """Who names the agent responsible for a failed trajectory (repair)."""
    traversal: TraversalConfig = TraversalConfig()
    judge: JudgeConfig = JudgeConfig()
    run: RunConfig = RunConfig()
    cluster: ClusterConfig = ClusterConfig()
    budget: BudgetConfig = BudgetConfig()
    repair: RepairConfig = RepairConfig()
    dataset: DatasetConfig = DatasetConfig()
    train: TrainConfig = TrainConfig()
    serve: ServeConfig = ServeConfig()

    @property
    def digest(self) -> str:
        """Digest of every setting that may change a run's result."""
        return digest(_flat(self))

    @property
    def unbudgeted(self) -> "Config":
        """These settings for another command: a budget is that of one."""
        return self.model_copy(update={"budget": BudgetConfig()})


# Of sections without a part in a run.
_NO_PART_IN_A_RUN = ("train.", "dataset.", "budget.", "cluster.", "serve.")
# Of any engine; set or not, they are leaves of different names.
_PRICE = re.compile(r"^engine\.price\b")
# The settings of any engine are named after the one in [engine].
_ENGINE = re.compile(r"^(roles\.\w+|teachers\.\d+|supervisor)\.")
# Settings that change how fast or how patiently, never what a run brings; free to differ on resume.
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
        "engine.replicas",
        "judge.workers",
        "run.concurrency",
        "run.executor",
        "run.max_errors",
        "run.max_error_share",
        "run.reuse",
    }
)

# The pocket backbone's context is short, so its replies must be.
_KIND_DEFAULTS: dict[str, Tree] = {
    EngineKind.POCKET: {"traversal": {"max_tokens": 1024}},
    EngineKind.TEACHER: {"traversal": {"max_tokens": 512}},
}


def load(
    files: Sequence[Path] = (), overrides: Sequence[str] = (), under: Config | None = None
) -> Config:
    """Resolve defaults, TOML files and `key.sub=value` overrides, later ones winning.

    `under` stands in place of the defaults; an engine of a named kind takes nothing from it.

    Raises:
        ConfigError: a file cannot be read, or a setting does not exist or does not fit.
    """
    layers = [_read_toml(path) for path in files] + [parse_override(text) for text in overrides]
    chosen: Tree = {}
    for layer in layers:
        chosen = _merge(chosen, layer)
    engine = chosen.get("engine")
    kind = engine.get("kind", EngineKind.POCKET) if _is_tree(engine) else EngineKind.POCKET
    defaults = _KIND_DEFAULTS.get(str(kind), {}) if under is None else under.model_dump(mode="json")
    if _is_tree(engine) and "kind" in engine:
        defaults = {key: section for key, section in defaults.items() if key != "engine"}
    merged = _merge(defaults, chosen)
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
    return tuple(f"{key}: {a!r} -> {b!r}" for key, a, b in changed_settings(old, new))


def changed_settings(old: Config, new: Config) -> tuple[tuple[str, object, object], ...]:
    """Return the settings that differ and may change a result, as key, old and new value."""
    before, after = _flat(old), _flat(new)
    return tuple(
        (key, before.get(key), after.get(key))
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


def hub_token() -> str | None:
    """Return the key of HF_TOKEN; None when it is not set. It is never stored or shown.

    Raises:
        ConfigError: it holds what no header can carry.
    """
    token = os.environ.get("HF_TOKEN")
    return _sound_key("HF_TOKEN", token) if token else None


def service_token() -> str | None:
    """Return MAPCODER_TOKEN, which whoever asks `mapcoder serve` must know; None: nobody must.

    Raises:
        ConfigError: it holds what no header can carry.
    """
    token = os.environ.get("MAPCODER_TOKEN")
    return _sound_key("MAPCODER_TOKEN", token) if token else None


def prepare_ray(*, stays_here: bool) -> None:
    """Have Ray, imported after this, send no usage statistics and keep its own logs to itself.

    `stays_here` lets it listen and connect on this machine's loopback address alone.
    """
    settings = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_event_stats": "0",
        "RAY_worker_niceness": "0",  # judges keep to time limits
    }
    if stays_here:  # Ray takes 127.0.0.1 for the machine's outer address, unless clusters are off
        settings["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    for name, value in settings.items():
        os.environ.setdefault(name, value)


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
    """Every setting that may change a result, by its full key."""
    leaves = dict(_leaves(config.model_dump(mode="json"), ""))
    return {
        key: value
        for key, value in leaves.items()
        if not key.startswith(_NO_PART_IN_A_RUN)
        and (name := _ENGINE.sub("engine.", key)) not in _WITHOUT_EFFECT
        and not _PRICE.match(name)
    }


def _leaves(tree: Tree, prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        below = _by_place(value)
        if _is_tree(below):
            yield from _leaves(below, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _by_place(value: object) -> object:
    """Return a list of sections as a section of numbered ones; all else as it is."""
    if not isinstance(value, list):
        return value
    parts = cast("list[object]", value)
    is_sections = bool(parts) and all(map(_is_tree, parts))
    return {str(place): part for place, part in enumerate(parts)} if is_sections else parts


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
