"""The pocket world as others use it: problem sets by name, their files, the packaged weights.

Knows: which sets there are, where the weights lie.
Does not know: how weights were trained, how problems are solved.
"""

import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from mapcoder_lite.errors import InputError
from mapcoder_lite.jsonl import write_lines
from mapcoder_lite.pocket.problems import Puzzle, Split, puzzles
from mapcoder_lite.trajectory import Role

SEED = 1
"""Of every problem set; the backbone's corpus draws with other seeds."""

SIZES: dict[Split, int] = {"train": 3200, "validation": 160, "test": 1200}
"""Problems of each set."""

WEIGHTS = Path(__file__).parent / "weights"
"""pocket-backbone/ and adapters/<role>/, inside the package."""

BACKBONE_FILES = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "recipe.json",
    "log.jsonl",
)
ADAPTER_FILES = (
    "mapcoder.json",
    *(
        f"{role.value}/{name}"
        for role in Role
        for name in ("adapter_config.json", "adapter_model.safetensors", "training.json")
    ),
)

LABEL = "the pocket backbone: a miniature that solves pocket-style problems, not Codeforces"
"""Said with every result that comes from it."""


def problem_set(split: Split) -> Iterator[Puzzle]:
    """The puzzles of a set, always the same, in order."""
    return islice(puzzles(split, SEED), SIZES[split])


def write_problem_set(split: Split, folder: Path) -> int:
    """Write problems.jsonl and hidden_tests.jsonl; return the number of problems."""
    chosen = list(problem_set(split))
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / "hidden_tests.jsonl", [puzzle.hidden for puzzle in chosen])
    return write_lines(folder / "problems.jsonl", [puzzle.problem for puzzle in chosen])


def pack_weights(backbone: Path, adapters: Path, into: Path = WEIGHTS) -> int:
    """Copy what answering needs, nothing else; return the number of bytes.

    Raises:
        InputError: a file is missing; the packaged weights are as they were.
    """
    files = {f"pocket-backbone/{name}": backbone / name for name in BACKBONE_FILES}
    files |= {f"adapters/{name}": adapters / name for name in ADAPTER_FILES}
    missing = [str(path) for path in files.values() if not path.is_file()]
    if missing:
        raise InputError(f"not there: {', '.join(missing)}; make them with `make pocket`")
    shutil.rmtree(into, ignore_errors=True)
    for name, source in files.items():
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, into / name)
    return sum(path.stat().st_size for path in into.rglob("*") if path.is_file())
