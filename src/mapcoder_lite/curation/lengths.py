"""How long rows are under the chat template of the model that will be trained on them.

Knows: tokenizers with a chat template (transformers, without torch).
Does not know: training, which lengths are allowed.
"""

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import TemplateError

from mapcoder_lite.errors import ConfigError, InputError
from mapcoder_lite.example import Example, RowTokens
from mapcoder_lite.rendering import rendered

R = TypeVar("R", bound=Example)


def measured(rows: Iterable[R], tokenizer: Path) -> Iterator[R]:
    """Yield the rows with their tokens counted as training counts them.

    The prompt ends where the reply begins, the template's words before it included.

    Raises:
        ConfigError: transformers is not installed.
        InputError: the folder holds no tokenizer with a chat template, or the template refuses a
            row.
    """
    template = _opened(tokenizer)
    for row in rows:
        prompt, tail = _rendered(row, template)
        tokens = RowTokens(
            prompt=len(prompt), completion=len(tail), counted_by=tokenizer.resolve().name
        )
        yield row.model_copy(update={"tokens": tokens})


def _opened(folder: Path) -> Any:
    try:
        transformers: Any = import_module("transformers")  # only partly typed
    except ImportError as error:
        raise ConfigError(
            f"dataset.tokenizer needs {error.name}: pip install 'mapcoder-lite[local]'"
        ) from error
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise InputError(f"dataset.tokenizer={folder} holds no tokenizer: {error}") from error
    if tokenizer.chat_template is None:
        raise InputError(f"dataset.tokenizer={folder} has no chat template")
    return tokenizer


def _rendered(row: Example, tokenizer: Any) -> tuple[list[int], list[int]]:
    try:
        return rendered(row, tokenizer)
    except (TemplateError, TypeError, ValueError) as error:
        raise InputError(
            f"the chat template of dataset.tokenizer refuses a row of {row.provenance.problem_id}: "
            f"{error}; name another tokenizer, or none"
        ) from error
