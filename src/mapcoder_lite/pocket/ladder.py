"""The paper's experiments in miniature: which rungs there are, and the commands that make them.

Knows: data sets, trainings and runs by name, what is compared with what.
Does not know: how anything is trained, run or counted.
"""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

from mapcoder_lite.trajectory import Role

BACKBONE = "src/mapcoder_lite/pocket/weights/pocket-backbone"
LLAMA = "runs/pocket-llama"
LARGE = "runs/pocket-large"
CURATED = "datasets/curation"
UNFILTERED = "datasets/ladder/unfiltered"
TEACHER_ONLY = "datasets/ladder/teacher"
NUM_NOISY = 100
"""Test problems whose statements are spoilt."""
NUM_CHATS = 400
"""Chats of the pre-training mix on which forgetting is measured."""

_DATASETS = {
    UNFILTERED: ("runs/curation/teacher runs/curation/repaired", "-s dataset.keep=all"),
    TEACHER_ONLY: ("runs/curation/teacher", ""),
}
"""Folder to the runs behind it and the settings beside configs/pocket-curation.toml."""


@dataclass(frozen=True, slots=True)
class Training:
    """Four adapters, or four whole models, trained one by one on the same data set."""

    name: str
    rows: str = CURATED
    settings: tuple[str, ...] = ()
    backbone: str = BACKBONE
    is_full: bool = False
    """Whole models rather than adapters."""

    def folder(self, role: Role) -> str:
        """Where a role's adapter or model lies."""
        return f"adapters/ladder/{self.name}/{role.value}"


@dataclass(frozen=True, slots=True)
class Rung:
    """One run of the ladder."""

    name: str
    words: str
    training: Training | None = None
    """None = the bare backbone answers."""
    roles: tuple[Role, ...] = tuple(Role)
    """That what was trained answers; the bare backbone answers the others."""
    against: tuple[str, ...] = ()
    """Rungs that it is tested against."""
    backbone: str = BACKBONE
    settings: tuple[str, ...] = ()
    is_whole: bool = False
    """Whether it is run on all test problems."""
    recipe: str | None = None
    """Rungs of one recipe differ by their seed alone."""


_MAIN, _SECOND, _THIRD = (
    Training(f"main{seed or ''}", settings=(f"train.seed={seed}",)) for seed in range(3)
)
_RANK_8 = Training("rank8", settings=("train.rank=8", "train.alpha=16"))
_RANK_64 = Training("rank64", settings=("train.rank=64", "train.alpha=128"))
# A whole model takes a fifth of the adapters' rate, as is usual; neither rate was searched for.
_FULL = Training("full", settings=("train.method=full", "train.learning_rate=2e-4"), is_full=True)
_UNFILTERED = Training("unfiltered", UNFILTERED)
_TEACHER_ONLY = Training("teacher", TEACHER_ONLY)
_LLAMA = Training("llama", backbone=LLAMA)
_HELD = ("traversal.structured=true",)
_SEEDS = "four adapters"

TRAININGS = (_MAIN, _SECOND, _THIRD, _RANK_8, _RANK_64, _FULL, _UNFILTERED, _TEACHER_ONLY, _LLAMA)

RUNGS = (
    Rung("untuned", "the bare backbone in every role", is_whole=True),
    Rung(
        "direct",
        "the bare backbone, asked for the program at once, without agents",
        settings=("traversal.name=direct",),
        against=("untuned",),
    ),
    Rung(
        "retrieval",
        "with the retrieval adapter",
        _MAIN,
        tuple(Role)[:1],
        against=("untuned",),
    ),
    Rung(
        "planning",
        "and the planning adapter",
        _MAIN,
        tuple(Role)[:2],
        against=("untuned", "retrieval"),
    ),
    Rung(
        "coding",
        "and the coding adapter",
        _MAIN,
        tuple(Role)[:3],
        against=("untuned", "planning"),
    ),
    Rung(
        "four",
        "and the debugging adapter: all four, rank 32",
        _MAIN,
        against=("untuned", "coding", "direct"),
        is_whole=True,
        recipe=_SEEDS,
    ),
    Rung("seed1", "four adapters, another seed", _SECOND, against=("untuned",), recipe=_SEEDS),
    Rung("seed2", "four adapters, a third seed", _THIRD, against=("untuned",), recipe=_SEEDS),
    Rung(
        "unfiltered",
        "four adapters, rows without the pass filter",
        _UNFILTERED,
        against=("four",),
    ),
    Rung(
        "teacher",
        "four adapters, the teacher's rows alone, none of the supervisor's",
        _TEACHER_ONLY,
        against=("four",),
    ),
    Rung("rank8", "four adapters of rank 8", _RANK_8, against=("four",)),
    Rung("rank64", "four adapters of rank 64", _RANK_64, against=("four",)),
    Rung("full", "four fully tuned models", _FULL, against=("four",)),
    Rung(
        "untuned-held",
        "the bare backbone, held to the layouts by grammar",
        settings=_HELD,
        against=("untuned",),
    ),
    Rung(
        "four-held",
        "four adapters, held to the layouts by grammar",
        _MAIN,
        settings=_HELD,
        against=("four", "untuned-held"),
    ),
    Rung("llama-untuned", "the bare backbone of Llama's architecture", backbone=LLAMA),
    Rung(
        "llama",
        "four adapters on the backbone of Llama's architecture",
        _LLAMA,
        backbone=LLAMA,
        against=("llama-untuned", "four"),
    ),
    Rung(
        "large",
        "a bare backbone four times larger",
        backbone=LARGE,
        against=("untuned", "four"),
    ),
)
_BY_NAME = {rung.name: rung for rung in RUNGS}
NOISY = {"noise-untuned": _BY_NAME["untuned"], "noise-four": _BY_NAME["four"]}
"""Runs of the retrieval agent alone on noisy statements, answered as in these rungs."""


def commands(
    folder: Path, limit: int, whole: int | None = None, epochs: float | None = None
) -> Iterator[str]:
    """Yield every command in order, the most telling rungs first; each goes on where it stopped.

    `limit` bounds the test problems of a rung, `whole` those of the two ends; `epochs` are those of
    every training, by default as many as the shipped adapters had. A line that begins with # says
    what is left out because a backbone is not there.
    """
    yield "mapcoder pocket problems test"
    for path, (runs, settings) in _DATASETS.items():
        name = path.removeprefix("datasets/")
        yield (
            f"mapcoder dataset {runs} --name {name} -c configs/pocket-curation.toml {settings}"
        ).rstrip()
    trained: set[str] = set()
    for rung in sorted(RUNGS, key=lambda rung: not rung.is_whole):
        if not Path(rung.backbone).is_dir():
            yield f"# {rung.name} is left out: {rung.backbone} is not there"
            continue
        if rung.training is not None and rung.training.name not in trained:
            trained.add(rung.training.name)
            yield _train(rung.training, epochs)
        yield _run(rung, folder, whole if rung.is_whole else limit)
    for name, rung in NOISY.items():
        words = ("mapcoder", "pocket", "noise", name, *_answered(rung, NUM_NOISY))
        yield shlex.join((*words, "--out", str(folder)))
    yield shlex.join(_forgetting(folder, trained))
    yield shlex.join(("mapcoder", "pocket", "ladder", str(folder)))


def _train(training: Training, epochs: float | None) -> str:
    length = () if epochs is None else (f"train.epochs={epochs:g}",)
    settings = (f"train.backbone={training.backbone}", *training.settings, *length)
    config = ("-c", "configs/pocket-train.toml", *_overrides(settings))
    return shlex.join(
        ("mapcoder", "train", training.rows, "--name", f"ladder/{training.name}", *config)
    )


def _run(rung: Rung, folder: Path, limit: int | None) -> str:
    name = ("--name", rung.name, "--out", str(folder))
    return shlex.join(("mapcoder", "run", *name, *_answered(rung, limit)))


def _answered(rung: Rung, limit: int | None) -> tuple[str, ...]:
    """The configuration of a run that is answered as the rung is."""
    limits = () if limit is None else (f"run.limit={limit}",)
    settings = (*_engine(rung), *rung.settings, *limits)
    return ("-c", "configs/ladder-run.toml", *_overrides(settings))


def _engine(rung: Rung) -> Iterator[str]:
    if rung.backbone != BACKBONE:
        yield f"engine.backbone={rung.backbone}"
    if rung.training is None:
        return
    folders = {role: rung.training.folder(role) for role in rung.roles}
    if not rung.training.is_full:
        adapters = ", ".join(f'{role.value} = "{path}"' for role, path in folders.items())
        yield f"engine.adapters={{{adapters}}}"
        return
    for role, path in folders.items():
        model = {"kind": "local", "backbone": path, "adapters": False, "num_threads": 1}
        for key, value in model.items():
            yield f"roles.{role.value}.{key}={str(value).lower() if value is False else value}"


def _forgetting(folder: Path, trained: set[str]) -> tuple[str, ...]:
    """Only adapters and models of the main backbone have forgotten what it knew."""
    models = [one for one in TRAININGS if one.name in trained and one.backbone == BACKBONE]
    return (
        "mapcoder",
        "pocket",
        "forgetting",
        BACKBONE,
        *(f"adapters/ladder/{one.name}" for one in models),
        "--chats",
        str(NUM_CHATS),
        "--out",
        str(folder),
    )


def _overrides(settings: tuple[str, ...]) -> Iterator[str]:
    for setting in settings:
        yield from ("-s", setting)


def num_parameters(rung: Rung) -> int | None:
    """Parameters of all that answers, from the heads of the weights' files; None = not there."""
    whole = rung.training is not None and rung.training.is_full
    folders = [*([] if whole else [Path(rung.backbone)]), *_trained(rung)]
    files = [sorted(folder.glob("*.safetensors")) for folder in folders]
    if not all(files):
        return None
    return sum(_num_weights(file) for of_folder in files for file in of_folder)


def num_rows(rung: Rung) -> int | None:
    """Rows that the rung's adapters or models learnt from, by their records of training."""
    records = [folder / "training.json" for folder in _trained(rung)]
    if not records or not all(record.is_file() for record in records):
        return None
    return sum(int(json.loads(record.read_bytes())["num_rows"]) for record in records)


def _trained(rung: Rung) -> list[Path]:
    training = rung.training
    return [] if training is None else [Path(training.folder(role)) for role in rung.roles]


def _num_weights(file: Path) -> int:
    """Numbers in a safetensors file; its head, after eight bytes of its length, gives shapes."""
    with file.open("rb") as weights:
        head = json.loads(weights.read(int.from_bytes(weights.read(8), "little")))
    return sum(prod(tensor["shape"]) for name, tensor in head.items() if name != "__metadata__")
