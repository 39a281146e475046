"""`mapcoder serve-cmd`: the command that serves a backbone with its adapters on this machine.

Knows: vLLM's flags (0.32.0), what folders of backbone and adapters say of themselves.
Does not know: how a server is started, watched or asked.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from mapcoder_lite.cli import options, terminal

if TYPE_CHECKING:
    from mapcoder_lite.settings import EngineConfig
    from mapcoder_lite.trajectory import Role

Dtype = Literal["float32", "bfloat16", "float16"]

app = typer.Typer(
    help="Print the command that serves a backbone with its adapters on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The values that vLLM takes for --max-lora-rank."""

MAX_CONTEXT = 16_384
"""Tokens, where no other length is asked for: room for the longest prompts and replies we know."""

_FULL_ROWS = 4
_ADDRESS = "127.0.0.1"
_PORT = 8000


@dataclass(frozen=True, slots=True)
class Served:
    """What the server is to hold, and on what."""

    backbone: Path
    adapters: Mapping["Role", Path]
    names: Mapping["Role", str]
    """Of the adapters, on the server."""
    max_rank: int
    context: int
    """Tokens of prompt and reply together."""
    dtype: Dtype
    token_bytes: int
    """What a token takes in the cache of keys and values."""
    max_rows: int
    """Requests answered at the same time."""
    is_on_gpu: bool

    @property
    def name(self) -> str:
        """Of the backbone, on the server."""
        return self.backbone.name


@app.command()
def vllm(
    backbone: Annotated[
        Path | None, typer.Option("--backbone", help="Its folder; default engine.backbone.")
    ] = None,
    adapters: Annotated[
        Path | None,
        typer.Option("--adapters", help="What `train` wrote; default engine.adapters."),
    ] = None,
    context: Annotated[
        int | None,
        typer.Option("--context", help=f"Tokens; default the backbone's, at most {MAX_CONTEXT}."),
    ] = None,
    dtype: Annotated[
        Dtype | None,
        typer.Option("--dtype", help="Default float32 on a CPU, the backbone's on a GPU."),
    ] = None,
    digests: Annotated[
        bool, typer.Option("--digests", help="Names ROLE-DIGEST: other weights, another name.")
    ] = False,
    config: options.Files = None,
    overrides: options.Overrides = None,
) -> None:
    """Print the vLLM command for this machine, backbone and adapters; default the pocket weights.

    The command alone goes to stdout, quoted for a shell; more flags may follow it. What to beware
    of and what to set in order to ask the server goes to stderr. engine.device=cpu or cuda prints
    it for another machine.

    Example: mapcoder serve-cmd vllm --adapters adapters/first
    """
    from mapcoder_lite.cli.trained import other_prompts

    settings = options.resolve(config, overrides)
    home, folders = _folders(settings.engine, backbone, adapters)
    served = _served(settings.engine, home, folders, context=context, dtype=dtype, digests=digests)
    for line in (*warnings(served), *other_prompts(served.adapters)):
        terminal.say(line)
    terminal.result(shlex.join(command(served)))
    longest_reply = min(settings.traversal.max_tokens, served.context // 4)
    terminal.say(f"ask it with: {shlex.join(client_settings(served, longest_reply))}")


def command(served: Served) -> list[str]:
    """Return the words of the command, environment first."""
    environment = ["HF_HUB_OFFLINE=1", "VLLM_NO_USAGE_STATS=1"]
    flags = [
        *("--served-model-name", served.name),
        *("--host", _ADDRESS),
        *("--dtype", served.dtype),
        *("--max-model-len", str(served.context)),
        *("--generation-config", "vllm"),  # else the backbone's own fills what a request leaves out
        "--enable-prompt-tokens-details",  # else cached tokens are not counted
    ]
    if served.adapters:
        flags += ["--enable-lora", "--max-loras", str(len(served.adapters))]
        flags += ["--max-lora-rank", str(served.max_rank), "--lora-modules"]
        flags += [_module(served.names[role], folder) for role, folder in served.adapters.items()]
    if served.is_on_gpu:
        return [*environment, "vllm", "serve", str(served.backbone), *flags]
    # `vllm serve` dies of the CPU build's own name; graphs are compiled for long and gain nothing.
    space = max(1, -(-_FULL_ROWS * served.context * served.token_bytes // 2**30))
    module = ["python", "-m", "vllm.entrypoints.openai.api_server", "--model", str(served.backbone)]
    rows = ["--enforce-eager", "--max-num-seqs", str(served.max_rows)]
    return [f"VLLM_CPU_KVCACHE_SPACE={space}", *environment, *module, *rows, *flags]


def _module(name: str, folder: Path) -> str:
    """Return one word of --lora-modules: NAME=PATH, where the path does not mislead its reader."""
    if {",", "="} & set(str(folder)):
        return json.dumps({"name": name, "path": str(folder)})
    return f"{name}={folder}"


def client_settings(served: Served, longest_reply: int) -> list[str]:
    """Return the -s options by which `mapcoder` asks this server."""
    settings = [
        "engine.kind=openai",
        "engine.server=vllm",
        f"engine.base_url=http://{_ADDRESS}:{_PORT}/v1",
        f"engine.model={options.written(served.name)}",
        f"engine.adapters={_adapters_setting(served.names)}",
        f"engine.context_tokens={served.context}",
        f"traversal.max_tokens={longest_reply}",
    ]
    return [word for setting in settings for word in ("-s", setting)]


def warnings(served: Served) -> list[str]:
    """Return what the user must know of the server."""
    from mapcoder_lite.trajectory import Role

    lines: list[str] = []
    bare = ", ".join(role.value for role in Role if role not in served.adapters)
    if bare:
        lines.append(f"no adapter for {bare}: the bare backbone answers there")
    if served.is_on_gpu:
        return lines
    lines.append("no GPU: the command is for vllm-cpu 0.32.0, a third-party build")
    if served.adapters:
        lines.append(
            "beware: on a CPU vLLM answers the bare backbone's requests wrongly while an adapter's "
            f"are under way; ask {served.name} itself only when it has nothing else to do"
        )
    return lines


def _adapters_setting(names: Mapping["Role", str]) -> str:
    from mapcoder_lite.trajectory import Role

    if not names:
        return "false"
    if dict(names) == {role: role.value for role in Role}:
        return "true"
    return "{" + ", ".join(f'{role.value} = "{name}"' for role, name in names.items()) + "}"


def _folders(
    engine: "EngineConfig", backbone: Path | None, adapters: Path | None
) -> tuple[Path, dict["Role", Path]]:
    """Return the backbone and each role's adapter: options, else settings, else pocket."""
    from mapcoder_lite.errors import ConfigError
    from mapcoder_lite.pocket.world import WEIGHTS

    if backbone is None and engine.backbone is not None:
        backbone = Path(engine.backbone)
    if adapters is None and engine.adapters is True:
        if backbone is not None:
            raise ConfigError(
                "whose adapters? name them by --adapters or engine.adapters; "
                "-s engine.adapters=false serves the bare backbone"
            )
        backbone, adapters = WEIGHTS / "pocket-backbone", WEIGHTS / "adapters"
    if adapters is not None:
        folders = _folders_in(adapters)
    else:
        named = engine.adapters if isinstance(engine.adapters, dict) else {}
        folders = {role: Path(folder).resolve() for role, folder in named.items()}
    if backbone is None:
        backbone = _trained_on(list(folders.values()))
    return backbone.resolve(), folders


def _folders_in(adapters: Path) -> dict["Role", Path]:
    from mapcoder_lite.errors import ConfigError
    from mapcoder_lite.trajectory import Role

    folders = {role: (adapters / role.value).resolve() for role in Role}
    found = {role: folder for role, folder in folders.items() if folder.is_dir()}
    if not found:
        raise ConfigError(f"{adapters} holds no folder named after a role, as `train` writes them")
    return found


def _trained_on(adapters: Sequence[Path]) -> Path:
    """Return the backbone that the adapters' manifest names."""
    from mapcoder_lite.errors import ConfigError
    from mapcoder_lite.pocket.world import WEIGHTS

    if not adapters:
        return WEIGHTS / "pocket-backbone"
    settings = _manifest(adapters[0]).get("settings")
    named = (
        cast(dict[str, object], settings).get("backbone") if isinstance(settings, dict) else None
    )
    if named is None or not Path(str(named)).is_dir():
        raise ConfigError(
            f"on which backbone? {adapters[0].parent} names {named or 'none'}, which is no folder "
            "here: give --backbone"
        )
    return Path(str(named))


def _manifest(adapter: Path) -> dict[str, object]:
    """Return what `train` wrote beside an adapter; empty where somebody else made it."""
    from mapcoder_lite.errors import InputError

    path = adapter.parent / "mapcoder.json"
    if not path.is_file():
        return {}
    try:
        fields = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}): train the adapters again") from error
    return cast(dict[str, object], fields) if isinstance(fields, dict) else {}


def _served(
    engine: "EngineConfig",
    backbone: Path,
    adapters: Mapping["Role", Path],
    *,
    context: int | None,
    dtype: Dtype | None,
    digests: bool,
) -> Served:
    """Read the folders and decide what was left open.

    Raises:
        ConfigError: the context is longer than the backbone's, or vLLM takes no such rank or name.
        EngineError: a folder lacks what it should hold, or adapters are another backbone's.
    """
    from mapcoder_lite.engine.folders import adapter_digest
    from mapcoder_lite.errors import ConfigError

    size = _read_size(backbone)
    if context is not None and not 0 < context <= size.context:
        raise ConfigError(
            f"--context {context}: {backbone} was made for 1 to {size.context} tokens"
        )
    max_rank = _max_rank(adapters)
    _check_lineage(backbone, adapters)
    names = {
        role: f"{role.value}-{adapter_digest(folder)[:8]}" if digests else role.value
        for role, folder in adapters.items()
    }
    if backbone.name in names.values():
        raise ConfigError(f"{backbone} has an adapter's name: vLLM could not tell them apart")
    is_on_gpu = _has_gpu() if engine.device is None else engine.device != "cpu"
    chosen: Dtype = dtype or (size.dtype if is_on_gpu else "float32")
    return Served(
        backbone=backbone,
        adapters=adapters,
        names=names,
        max_rank=max_rank,
        context=context or min(size.context, MAX_CONTEXT),
        dtype=chosen,
        token_bytes=size.token_values * (4 if chosen == "float32" else 2),
        max_rows=engine.max_in_flight,
        is_on_gpu=is_on_gpu,
    )


@dataclass(frozen=True, slots=True)
class _Size:
    context: int
    token_values: int
    """Numbers that a token leaves in the cache of keys and values."""
    dtype: Dtype


def _read_size(backbone: Path) -> _Size:
    from mapcoder_lite.engine.folders import check_backbone
    from mapcoder_lite.errors import EngineError

    check_backbone(backbone)
    path = backbone / "config.json"
    try:
        fields = json.loads(path.read_bytes())
        num_heads = int(fields["num_attention_heads"])
        head_values = fields.get("head_dim") or int(fields["hidden_size"]) // num_heads
        num_kept = int(fields.get("num_key_value_heads") or num_heads)
        dtype = fields.get("dtype") or fields.get("torch_dtype")
        num_layers = int(fields["num_hidden_layers"])
        context = int(fields["max_position_embeddings"])
        counts = (num_heads, int(head_values), num_kept, num_layers, context)
        if min(counts) < 1:
            raise ValueError("a count is less than 1")
        return _Size(
            context=context,
            token_values=2 * num_layers * num_kept * int(head_values),
            dtype="float16" if dtype == "float16" else "bfloat16",
        )
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise EngineError(f"{path} does not say a model's size ({error!r})") from error


def _max_rank(adapters: Mapping["Role", Path]) -> int:
    """Return the least rank that vLLM can be told and every adapter fits in."""
    from mapcoder_lite.engine.folders import read_adapter_config
    from mapcoder_lite.errors import ConfigError

    configs = [read_adapter_config(role.value, folder) for role, folder in adapters.items()]
    ranks = [rank for c in configs for rank in (c.rank, *c.rank_pattern.values())]
    largest = max(ranks, default=1)
    if min(ranks, default=1) < 1:
        raise ConfigError(f"an adapter has rank {min(ranks)}, which none can have: train it again")
    fitting = [rank for rank in RANKS if rank >= largest]
    if not fitting:
        raise ConfigError(f"an adapter has rank {largest}; vLLM serves no more than {RANKS[-1]}")
    return fitting[0]


def _check_lineage(backbone: Path, adapters: Mapping["Role", Path]) -> None:
    """Refuse adapters that were trained on another backbone, where they say on which."""
    from mapcoder_lite.engine.folders import backbone_digest
    from mapcoder_lite.errors import EngineError

    claims = {
        folder.parent: _manifest(folder).get("backbone_digest") for folder in adapters.values()
    }
    if not any(claims.values()):
        return
    with terminal.waiting("the backbone is compared with the one the adapters were trained on"):
        own = backbone_digest(backbone)
    for folder, claim in claims.items():
        if claim is not None and claim != own:
            raise EngineError(
                f"the adapters in {folder} were trained on another backbone than {backbone}: its "
                f"digest is {own[:16]}, theirs {str(claim)[:16]}"
            )


def _has_gpu() -> bool:
    """Whether NVIDIA's driver shows a device; nothing is loaded or started to find out."""
    return Path("/dev/nvidia0").exists() or Path("/proc/driver/nvidia/version").exists()
