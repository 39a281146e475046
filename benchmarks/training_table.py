"""Write what the arithmetic says of each recipe into docs/training.md and into the recipe itself.

Command: python benchmarks/training_table.py [--check]   (--check writes nothing; 1 = out of date)

Knows: which recipe is for which backbone, where the generated parts stand.
Does not know: the arithmetic.
"""

import re
import sys
from pathlib import Path

from mapcoder_lite import config
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.forecast import recipe_lines, recipe_table, target_table
from mapcoder_lite.training.shapes import KNOWN, Shape

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "training.md"
RECIPES = ("train-qwen2.5-7b.toml", "train-llama3.1-8b.toml", "train-mistral-7b-v0.3.toml")
MARK = "# By arithmetic (python benchmarks/training_table.py): "


def main() -> int:
    """Write every file anew, or say which would change."""
    stale = [path for path, text in pages().items() if path.read_text(encoding="utf-8") != text]
    for path in stale:
        print(path.relative_to(ROOT))
        if "--check" not in sys.argv:
            path.write_text(pages()[path], encoding="utf-8")
    return int("--check" in sys.argv and bool(stale))


def pages() -> dict[Path, str]:
    """Every file with a generated part, as it should be."""
    recipes = {path: read(path) for path in (ROOT / "configs" / name for name in RECIPES)}
    text = PAGE.read_text(encoding="utf-8")
    table = recipe_table({str(Path(s.backbone or "").name): (s, f) for s, f in recipes.values()})
    text = between(text, "recipes", table)
    text = between(text, "targets", target_table(KNOWN["Qwen2.5-7B-Instruct"]))
    made = {path: with_lines(path, *found) for path, found in recipes.items()}
    return {PAGE: text, **made}


def read(path: Path) -> tuple[TrainConfig, Shape]:
    """A recipe's settings and the shape of its backbone."""
    settings = config.load([path]).train
    return settings, KNOWN[Path(settings.backbone or "").name]


def between(text: str, name: str, body: str) -> str:
    """Put a body between the marks of its name."""
    start, end = f"<!-- generated: {name} -->", "<!-- end -->"
    pattern = re.compile(rf"{re.escape(start)}\n.*?{re.escape(end)}", re.DOTALL)
    assert pattern.search(text), f"no {start}"
    return pattern.sub(lambda _: f"{start}\n{body}\n{end}", text)


def with_lines(path: Path, settings: TrainConfig, shape: Shape) -> str:
    """Put the recipe's two lines before [train]."""
    text = re.sub(rf"{re.escape(MARK)}.*\n(# .*\n)", "", path.read_text(encoding="utf-8"))
    first, second = recipe_lines(settings, shape)
    return text.replace("[train]\n", f"{MARK}{first}\n# {second}\n[train]\n")


if __name__ == "__main__":
    sys.exit(main())
