"""A tiny random Qwen2 with the pocket's own tokenizer recipe, for tests of training."""

from pathlib import Path

from mapcoder_lite.pocket.backbone import Recipe, train

TINY = Recipe(
    hidden_size=64,
    num_layers=1,
    vocabulary_size=600,
    num_tokens=512 * 6,
    row_tokens=256,
    rows=2,
    warmup_steps=1,
    num_workers=2,
)


def tiny_backbone(folder: Path) -> Path:
    """Train the recipe for six steps; return the folder."""
    train(TINY, folder)
    return folder
