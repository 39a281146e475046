"""The pocket backbone's recipe in a size that tests can train."""

from mapcoder_lite.pocket.backbone import Recipe

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
