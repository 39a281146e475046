import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("peft")
llguidance = pytest.importorskip("llguidance")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from grammar_strings import accepts, strings  # noqa: E402
from mapcoder_lite.agents import layout, planning  # noqa: E402
from mapcoder_lite.engine.constraint import Vocabulary  # noqa: E402
from mapcoder_lite.engine.local import LocalEngine  # noqa: E402
from mapcoder_lite.engine.sampling import NOT_FINITE, Sampler, draw  # noqa: E402
from mapcoder_lite.errors import EngineError  # noqa: E402
from mapcoder_lite.grammar import Fixed, Grammar, Whole  # noqa: E402
from mapcoder_lite.pocket.problems import puzzles  # noqa: E402
from mapcoder_lite.pocket.world import WEIGHTS  # noqa: E402
from mapcoder_lite.trajectory import Completion, Message, Request, Sampling  # noqa: E402
from tiny_qwen import ROLES, make_adapter, make_backbone  # noqa: E402

RECALL = layout.grammar(layout.RECALL, times=2)
SCORE = Grammar(parts=(Fixed(text="score: "), Whole(low=0, high=100), Fixed(text="\n")))
NUM_LOGITS = 2048 + 7  # backbones pad their vocabulary
POCKET = WEIGHTS / "pocket-backbone" / "tokenizer.json"


@cache
def pocket_tokenizer() -> "transformers.PreTrainedTokenizerFast":
    return transformers.PreTrainedTokenizerFast(tokenizer_file=str(POCKET))


@cache
def ends() -> frozenset[int]:
    names = ("<|im_end|>", "<|endoftext|>")
    return frozenset(pocket_tokenizer().convert_tokens_to_ids(name) for name in names)


@cache
def vocabulary() -> Vocabulary:
    return Vocabulary(lambda: POCKET.read_text(encoding="utf-8"), NUM_LOGITS, ends())


@cache
def spellings() -> dict[bytes, list[int]]:
    """Tokens by their bytes."""
    tokens = llguidance.LLTokenizer(POCKET.read_text(encoding="utf-8"))
    found: dict[bytes, list[int]] = {}
    for number in range(tokens.vocab_size):
        if not tokens.is_special_token(number):
            found.setdefault(tokens.decode_bytes([number]), []).append(number)
    return found


def any_cut(text: str, random: Random) -> list[int]:
    """Cut a text into tokens in any way at all."""
    rest, tokens = text.encode(), []
    while rest:
        lengths = [n for n in range(1, min(len(rest), 16) + 1) if rest[:n] in spellings()]
        length = random.choice(lengths)
        tokens.append(random.choice(spellings()[rest[:length]]))
        rest = rest[length:]
    return tokens


def follow(grammar: Grammar, tokens: list[int]) -> None:
    """Take the tokens; each must be allowed, and an end only where the reply may end."""
    constraint = vocabulary().constraint(grammar)
    for token in tokens:
        allowed = constraint.allowed()
        assert allowed.shape == (NUM_LOGITS,) and allowed[token]
        assert not constraint.is_complete and not allowed[list(ends())].any()
        constraint.advance(token)
    assert constraint.is_complete
    assert set(constraint.allowed().nonzero()[0]) == ends()


@settings(deadline=None)
@given(strings(RECALL), st.randoms(use_true_random=False))
def test_any_way_to_cut_a_reply_into_tokens_is_allowed(text: str, random: Random):
    follow(RECALL, any_cut(text, random))


@settings(deadline=None)
@given(strings(layout.grammar(layout.CONFIDENCE)), st.randoms(use_true_random=False))
def test_so_are_the_tokenizers_own_tokens(text: str, random: Random):
    tokens = pocket_tokenizer().encode(text, add_special_tokens=False)
    follow(layout.grammar(layout.CONFIDENCE), tokens)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32))
def test_whatever_is_drawn_follows_the_grammar(seed: int):
    """Noise in place of a model: only the mask leads."""
    generator = torch.Generator().manual_seed(seed)
    sampler = Sampler.seeded(Sampling(temperature=1.0), seed, vocabulary().constraint(RECALL))
    tokens: list[int] = []
    while len(tokens) < 300:
        logits = torch.randn(1, NUM_LOGITS, generator=generator)
        logits[0, spellings()[b"</"]] += 6  # or no text would end
        (token,) = draw(logits, [sampler])
        assert isinstance(token, int)
        if token in ends():
            break
        tokens.append(token)
    text = pocket_tokenizer().decode(tokens)
    assert accepts(RECALL, text) or len(tokens) == 300


def test_rows_without_a_grammar_are_left_alone():
    logits = torch.randn(3, NUM_LOGITS, generator=torch.Generator().manual_seed(0))
    free = [Sampler.seeded(Sampling(temperature=t), 5) for t in (0.0, 0.9)]
    expected = draw(logits[:2], free)
    free = [Sampler.seeded(Sampling(temperature=t), 5) for t in (0.0, 0.9)]
    held = Sampler.seeded(Sampling(), 5, vocabulary().constraint(SCORE))
    mixed = logits[[0, 2, 1]]
    first, held_token, second = draw(mixed, [free[0], held, free[1]])
    assert [first, second] == expected
    assert torch.equal(mixed[[0, 2]], logits[:2])
    assert "score: ".startswith(pocket_tokenizer().decode([held_token]))


def test_logits_without_a_finite_allowed_token_are_a_fault_of_that_row():
    constraint = vocabulary().constraint(SCORE)
    logits = torch.zeros(1, NUM_LOGITS)
    logits[0, torch.from_numpy(constraint.allowed())] = torch.nan
    assert draw(logits, [Sampler.seeded(Sampling(), 0, constraint)]) == [NOT_FINITE]


def test_a_grammar_that_breaks_ends_its_own_row_alone():
    broken = vocabulary().constraint(SCORE)
    with pytest.raises(EngineError):
        broken.advance(0)  # from now on it refuses everything
    logits = torch.randn(2, NUM_LOGITS, generator=torch.Generator().manual_seed(0))
    (expected,) = draw(logits[:1].clone(), [Sampler.seeded(Sampling(), 0)])
    rows = [Sampler.seeded(Sampling(), 0), Sampler.seeded(Sampling(), 0, broken)]
    free, held = draw(logits, rows)
    assert free == expected
    assert isinstance(held, str) and "could not be held to its grammar" in held


def test_a_token_that_is_not_allowed_is_a_fault_of_the_house():
    constraint = vocabulary().constraint(SCORE)
    with pytest.raises(EngineError, match=r"held to its grammar.*structured=false"):
        constraint.advance(next(iter(ends())))
    with pytest.raises(EngineError, match="held to its grammar"):
        constraint.allowed()


def test_replies_to_one_grammar_do_not_meet():
    first, second = (vocabulary().constraint(SCORE) for _ in range(2))
    for token in any_cut("score: 7\n", Random(0)):
        first.advance(token)
    assert first.is_complete and not second.is_complete


def test_a_tokenizer_that_cannot_be_read_is_named():
    with pytest.raises(EngineError, match=r"backbone's tokenizer: .*Model missing"):
        Vocabulary(lambda: "{}", NUM_LOGITS, ends()).constraint(SCORE)
    text = POCKET.read_text(encoding="utf-8")
    with pytest.raises(EngineError, match="eos_token list must not be empty"):
        Vocabulary(lambda: text, NUM_LOGITS, frozenset()).constraint(SCORE)


def test_llguidance_waits_for_the_first_grammar_and_its_absence_is_explained():
    code = """
import sys
from mapcoder_lite.engine.constraint import Vocabulary
from mapcoder_lite.errors import EngineError
from mapcoder_lite.grammar import Fixed, Grammar
vocabulary = Vocabulary(lambda: 1 / 0, 5, {1})
assert "llguidance" not in sys.modules
sys.modules["llguidance"] = None  # what an environment without it looks like
try:
    vocabulary.constraint(Grammar(parts=(Fixed(text="a"),)))
except EngineError as error:
    assert "pip install 'mapcoder-lite[local]'" in str(error)
    print("explained")
"""
    source = Path(__file__).parents[1] / "src"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(source)}, capture_output=True
    )
    assert done.stdout == b"explained\n", done.stderr


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    folder = tmp_path_factory.mktemp("world")
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)  # threads that wait for each other crawl on a busy machine
    make_backbone(folder / "backbone")
    for seed, role in enumerate(ROLES):
        make_adapter(folder / "backbone", folder / role, 10 + seed)
    adapters = {role: folder / role for role in ROLES}
    engine = LocalEngine(folder / "backbone", adapters, num_threads=1)
    yield engine
    engine.close()


def ask(number: int, grammar: Grammar | None = None, temperature: float = 0.0) -> Request:
    return Request(
        messages=(Message(role="user", content=f"question {number * 37}"),),
        adapter=(*ROLES, None)[number % 5],
        sampling=Sampling(max_tokens=30, temperature=temperature, seed=number),
        grammar=grammar,
    )


def texts(completions: list[Completion]) -> list[tuple[str, str]]:
    return [(c.text, c.finish_reason) for c in completions]


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_free_rows_beside_held_ones_are_unchanged_and_held_ones_equal_each_alone(
    engine: LocalEngine, temperature: float
):
    free = [ask(i, None, temperature) for i in range(10)]
    held = [ask(i, SCORE, temperature) for i in range(10)]
    both = [request for pair in zip(free, held, strict=True) for request in pair]
    answers = texts(engine.complete(both))
    assert answers[::2] == texts(engine.complete(free))
    assert answers[1::2] == [texts(engine.complete([request]))[0] for request in held]
    assert all(accepts(SCORE, text) and reason == "stop" for text, reason in answers[1::2])
    assert not any(accepts(SCORE, text) for text, _ in answers[::2])


def test_a_held_reply_that_reaches_its_limit_is_cut_as_any_other(engine: LocalEngine):
    (completion,) = engine.complete([ask(1, RECALL)])
    assert completion.finish_reason == "length"
    assert completion.usage.completion_tokens == 30
    assert completion.text.startswith("<root>\n<problem>\n<descriptio")


def test_a_reply_that_keeps_the_layout_by_itself_comes_out_the_same():
    """The trained adapter writes the layout; its tokens, and so its text, must not change."""
    engine = LocalEngine(
        WEIGHTS / "pocket-backbone",
        {"planning": WEIGHTS / "adapters" / "planning"},
        num_threads=1,
    )
    problem = next(puzzles("test", 0)).problem
    question = planning.confidence(problem, "1. Read n.\n2. Print n.", 0)
    assert question.grammar is not None
    request = Request(
        messages=question.messages, adapter="planning", sampling=Sampling(max_tokens=200)
    )
    held = request.model_copy(update={"grammar": question.grammar})
    free_reply, held_reply = engine.complete([request, held])
    engine.close()
    assert accepts(question.grammar, free_reply.text)
    assert free_reply.text == held_reply.text
    assert free_reply.usage.completion_tokens == held_reply.usage.completion_tokens
