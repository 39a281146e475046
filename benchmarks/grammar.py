"""What holding a reply to its layout costs a step: `python benchmarks/grammar.py [VOCABULARY]`.

One row and eight, the pocket's vocabulary and a made-up one as large as Qwen2.5's.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from random import Random

import torch
from tokenizers import Tokenizer

from mapcoder_lite.agents import layout, parse
from mapcoder_lite.engine.constraint import Vocabulary
from mapcoder_lite.engine.sampling import Sampler, draw
from mapcoder_lite.grammar import Grammar
from mapcoder_lite.pocket.world import WEIGHTS
from mapcoder_lite.trajectory import Exemplar, Recall, Sampling

POCKET = (WEIGHTS / "pocket-backbone" / "tokenizer.json").read_text(encoding="utf-8")
STEPS = 150


def made_up(num_tokens: int) -> str:
    """The pocket's tokens and random words, syllables, numbers, signs and ideographs."""
    random = Random(0)
    description = json.loads(POCKET)
    vocabulary: dict[str, int] = description["model"]["vocab"]
    special = {token["content"] for token in description["added_tokens"]}
    letters = "etaoinshrdlucmfwypvbgkjqxzETAOIN"
    signs = "<>/()[]{}=+-*.,;:!?\"'_&|%#@^~ĊĠ"
    makers = [
        (letters, 0.55, 12),
        (signs, 0.1, 5),
        ("0123456789", 0.03, 4),
        ("äåæçèéĪģĤĥĦħĨ¤¥¦§¨©ª«¬", 0.32, 6),
    ]
    while len(vocabulary) + len(special) < num_tokens:
        letters, _, longest = random.choices(makers, [share for _, share, _ in makers])[0]
        word = "".join(random.choices(letters, k=random.randint(2, longest)))
        vocabulary.setdefault(random.choice(["", "Ġ"]) + word, len(vocabulary) + len(special))
    return json.dumps(description)


def reply_tokens(tokenizer: Tokenizer) -> list[int]:
    exemplar = Exemplar(
        description="Print the pairs with a < b and b - a <= k.",
        planning="\n".join(f"{i}. Read a[{i}] and keep it if a[{i}] < x." for i in range(1, 9)),
    )
    recall = Recall(exemplars=(exemplar,) * 3, algorithm="two pointers: move the left one.")
    return tokenizer.encode(parse.render_recall(recall)).ids


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def show(name: str, times: list[float]) -> None:
    ordered = sorted(times)
    print(
        f"  {name:<34} mean {statistics.fmean(times):7.3f}  median {ordered[len(times) // 2]:7.3f}"
        f"  p95 {ordered[int(len(times) * 0.95)]:7.3f}  worst {ordered[-1]:7.3f} ms"
    )


def measure(name: str, text: str, num_logits: int) -> None:
    tokenizer = Tokenizer.from_str(text)
    end = tokenizer.token_to_id("<|im_end|>")
    vocabulary = Vocabulary(lambda: text, num_logits, {end})
    grammar = layout.grammar(layout.RECALL, times=3)
    print(f"{name}: {num_logits} logits")
    show("first grammar, tokens included", [milliseconds(lambda: vocabulary.constraint(grammar))])
    other = layout.grammar(layout.RECALL, times=2)
    show("another grammar", [milliseconds(lambda: vocabulary.constraint(other))])
    show("a row more", [milliseconds(lambda: vocabulary.constraint(grammar)) for _ in range(20)])
    tokens = reply_tokens(tokenizer)
    for rows in (1, 8):
        step(vocabulary, grammar, tokens, rows, num_logits)


def step(
    vocabulary: Vocabulary, grammar: Grammar, tokens: list[int], rows: int, width: int
) -> None:
    """Lead rows along one reply, each some tokens behind the one before."""
    constraints = [vocabulary.constraint(grammar) for _ in range(rows)]
    samplers = [Sampler.seeded(Sampling(), 0, c) for c in constraints]
    bare = [Sampler.seeded(Sampling(), 0) for _ in constraints]
    for number, constraint in enumerate(constraints):
        for token in tokens[: number * 10]:
            constraint.advance(token)
    times: dict[str, list[float]] = {}
    for place in range(min(STEPS, len(tokens) - rows * 10)):
        logits = torch.randn(rows, width)
        for number in range(rows):
            logits[number, tokens[number * 10 + place]] = 99
        works: dict[str, Callable[[], object]] = {
            "masks alone": lambda: [constraint.allowed() for constraint in constraints],
            "greedy draw, free": partial(draw, logits, bare),
            "greedy draw, held": partial(draw, logits, samplers),
        }
        for name, work in works.items():
            times.setdefault(name, []).append(milliseconds(work))
    for name, each in times.items():
        show(f"{rows} rows, {name}", each)


if __name__ == "__main__":
    torch.set_num_threads(1)
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 151_936
    measure("pocket", POCKET, 2048)
    measure("made up", made_up(size), size)
