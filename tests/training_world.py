"""A tiny world for tests of training: a random backbone, rows, settings that take seconds."""

from pathlib import Path

from mapcoder_lite.example import Example, Provenance, RowTokens
from mapcoder_lite.jsonl import write_lines, write_text
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.trajectory import CallKind, Message, Role

ANSWER = "<confidence>7</confidence>"


def example(number: int, answer: str = ANSWER, role: Role = Role.CODING) -> Example:
    return Example(
        prompt=(
            Message(role="system", content="You are an agent."),
            Message(role="user", content=f"Print {number}."),
        ),
        completion=(Message(role="assistant", content=answer),),
        role=role,
        kind=CallKind.CODING,
        provenance=Provenance(
            run="r", problem_id=f"p{number}", sample=0, call_index=0, model="m", kept_by="test"
        ),
        tokens=RowTokens(prompt=1, completion=1, counted_by="nobody"),
    )


def write_dataset(
    folder: Path,
    train: list[Example],
    validation: list[Example],
    *,
    role: Role = Role.CODING,
    manifest: str = "{}",
) -> Path:
    (folder / "validation").mkdir(parents=True, exist_ok=True)
    write_lines(folder / f"{role}.jsonl", train)
    write_lines(folder / "validation" / f"{role}.jsonl", validation)
    write_text(folder / "manifest.json", manifest)
    return folder


def settings(backbone: Path, **changes: object) -> TrainConfig:
    tiny = {
        "backbone": str(backbone),
        "rank": 4,
        "alpha": 8,
        "learning_rate": 1e-2,
        "epochs": 6,
        "batch_rows": 4,
        "accumulation_steps": 1,
        "warmup_steps": 1,
        "dtype": "float32",
        "save_dtype": "float32",
        "gradient_checkpointing": False,
        "autocast": False,
        "checkpoint_steps": 5,
        "num_threads": 1,
    }
    return TrainConfig.model_validate({**tiny, **changes})
