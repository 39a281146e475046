"""The folder of a backbone as libraries read it: broken files refused before anything is trained.

Knows: configuration, tokenizer, weights of a folder, what makes a model folder beside its weights.
Does not know: adapters, rows, what is trained.
"""

# torch and its libraries leave most of their types open
# pyright: basic

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from mapcoder_lite.errors import InputError
from mapcoder_lite.settings import TrainConfig

_BESIDE_WEIGHTS = (
    *("tokenizer*", "chat_template*", "vocab.*", "merges.txt", "*.model"),
    *("special_tokens_map.json", "added_tokens.json", "generation_config.json"),
)
"""Files that a model is not served without; what else lies there speaks of the backbone only."""


def read_config(backbone: Path) -> PreTrainedConfig:
    """Read config.json.

    Raises:
        InputError: it cannot be read, or the architecture is not known.
    """
    with _refusing(backbone / "config.json"):
        return AutoConfig.from_pretrained(str(backbone), local_files_only=True)


def read_generation(backbone: Path) -> GenerationConfig | None:
    """Read generation_config.json, where there is one.

    Raises:
        InputError: it cannot be read.
    """
    path = backbone / "generation_config.json"
    if not path.is_file():
        return None
    with _refusing(path):
        return GenerationConfig.from_pretrained(str(backbone), local_files_only=True)


def read_tokenizer(backbone: Path) -> PreTrainedTokenizerBase:
    """Read the tokenizer.

    Raises:
        InputError: it cannot be read, or has no chat template.
    """
    with _refusing(backbone / "tokenizer.json"):
        tokenizer = AutoTokenizer.from_pretrained(backbone, local_files_only=True)
    if tokenizer.chat_template is None:
        raise InputError(
            f"{backbone} has no chat template: put one into chat_template.jinja beside the "
            "tokenizer"
        )
    return tokenizer


def outline(backbone: Path) -> PreTrainedModel:
    """The architecture with weights that take no memory and hold no numbers.

    Raises:
        InputError: it is no causal language model.
    """
    config = read_config(backbone)
    with _refusing(backbone / "config.json"), torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def check_weights(backbone: Path) -> None:
    """Lay the weights over the architecture without reading their numbers.

    Raises:
        InputError: a file is cut, a weight is missing or of another shape.
    """
    with _refusing(backbone), _silent():
        _, report = _loaded(backbone, "auto", device_map="meta", ignore_mismatched_sizes=True)
    lacking = sorted(report["missing_keys"])
    if lacking:  # the library would make them up
        raise InputError(
            f"{backbone} lacks {len(lacking)} weights, such as {lacking[0]}: copy or download it "
            "anew"
        )
    strange = sorted(report["mismatched_keys"])
    if strange:
        name, found, wanted = strange[0]
        raise InputError(
            f"{backbone}: {name} is {tuple(found)}, config.json asks for {tuple(wanted)}: bring "
            "the two that belong together"
        )


def load_backbone(settings: TrainConfig) -> PreTrainedModel:
    """Load the backbone as it is trained on; `check_weights` has nothing against its folder."""
    options: dict[str, Any] = {}
    if settings.quant == "nf4":
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16 if settings.autocast else torch.float32,
        )
    dtype = getattr(torch, settings.dtype)
    model, _ = _loaded(Path(settings.backbone or ""), dtype, **options)
    return model


def _loaded(backbone: Path, dtype: Any, **options: Any) -> tuple[PreTrainedModel, dict[str, Any]]:
    loaded: Any = AutoModelForCausalLM.from_pretrained(  # untyped: a pair because of the report
        str(backbone),
        dtype=dtype,
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
        **options,
    )
    return loaded


def carry_over(backbone: Path, folder: Path) -> None:
    """Copy what makes a model folder beside its weights: tokenizer, template, generation."""
    for pattern in _BESIDE_WEIGHTS:
        for path in filter(Path.is_file, backbone.glob(pattern)):
            (folder / path.name).write_bytes(path.read_bytes())


@contextmanager
def _silent() -> Generator[None]:
    """Keep the library's own report off the terminal: it says that lacking weights are made up."""
    level = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)


@contextmanager
def _refusing(path: Path) -> Generator[None]:
    """Refuse a file over which a library fails: they raise anything, Exception itself too."""
    try:
        yield
    except MemoryError:  # the machine's fault, not the file's
        raise
    except Exception as error:
        said = (str(error).strip().splitlines() or [""])[0]
        raise InputError(
            f"{path} cannot be used ({type(error).__name__}: {said}): copy or download the "
            "backbone anew, or name another with train.backbone"
        ) from error
