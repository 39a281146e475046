"""Guessed tokens change how many steps a reply takes, and nothing of what it says."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("peft")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from mapcoder_lite.engine.cache import RowCache  # noqa: E402
from mapcoder_lite.engine.decode import Room  # noqa: E402
from mapcoder_lite.engine.local import LocalEngine  # noqa: E402
from mapcoder_lite.trajectory import Completion, Message, Request, Sampling, Watch  # noqa: E402
from tiny_qwen import ROLES, make_adapter, make_backbone  # noqa: E402


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    transformers.utils.logging.disable_progress_bar()
    make_backbone(folder / "backbone")
    for seed, role in enumerate(ROLES):
        make_adapter(folder / "backbone", folder / role, 10 + seed)
    return folder


def opened(world: Path, draft_tokens: int, rows: int = 8) -> LocalEngine:
    return LocalEngine(
        world / "backbone",
        {role: world / role for role in ROLES},
        num_threads=1,
        room=Room(rows, draft_tokens=draft_tokens),
    )


@pytest.fixture(scope="module")
def plain(world: Path) -> Iterator[LocalEngine]:
    engine = opened(world, 0)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def guessing(world: Path) -> Iterator[LocalEngine]:
    engine = opened(world, 8)
    yield engine
    engine.close()


def ask(number: int, **sampling: object) -> Request:
    words = " ".join(f"w{number * k % 7}" for k in range(1, 4 + number % 13))
    adapter = (*ROLES, None)[number % 5]
    fields = {"max_tokens": 20 + number * 7 % 60, **sampling}
    return Request(
        messages=(Message(role="user", content=words),),
        adapter=adapter,
        sampling=Sampling.model_validate(fields),
    )


def texts(completions: Sequence[Completion]) -> list[tuple[str, str, int]]:
    return [(c.text, c.finish_reason, c.usage.completion_tokens) for c in completions]


@pytest.mark.parametrize("temperature", [0.0, 0.3])
def test_one_after_another_a_guessing_engine_says_the_same_in_fewer_steps(
    world: Path, plain: LocalEngine, temperature: float
) -> None:
    engine = opened(world, 8)
    requests = [ask(i, temperature=temperature, seed=i, top_p=0.9) for i in range(20)]
    first = [texts(engine.complete([request])) for request in requests]
    said = [texts(engine.complete([request])) for request in requests]  # now it has seen replies
    done = engine.statistics
    engine.close()
    assert said == first == [texts(plain.complete([request])) for request in requests]
    assert done.num_guessed_tokens > done.num_right_guesses > 100
    num_tokens = 2 * sum(count for one in said for _, _, count in one)
    assert done.num_steps == num_tokens - done.num_right_guesses


def test_rows_that_join_and_leave_a_guessing_batch_say_the_same(
    plain: LocalEngine, guessing: LocalEngine
) -> None:
    requests = [ask(i, temperature=0.4 * (i % 2), seed=i) for i in range(24)]
    expected = texts(plain.complete(requests))
    said: dict[int, list[tuple[str, str, int]]] = {}

    def work(number: int) -> None:
        said[number] = texts(guessing.complete([requests[number]]))

    for _ in range(2):  # the second time, earlier replies make for many right guesses
        threads = [threading.Thread(target=work, args=(i,)) for i in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [said.pop(i)[0] for i in range(24)] == expected
    assert guessing.statistics.num_right_guesses > 100
    assert guessing.statistics.most_rows > 2


def test_a_stop_string_inside_a_guess_cuts_as_without_it(
    plain: LocalEngine, guessing: LocalEngine
) -> None:
    whole = plain.complete([ask(3, max_tokens=60)])[0].text
    for length in (1, 2, 3):
        for start in range(4, 40, 9):
            request = ask(3, max_tokens=60, stop=(whole[start : start + length],))
            deltas: list[str] = []
            watch = Watch(on_text=lambda _, text, told=deltas: told.append(text))
            (said,) = guessing.complete([request], watch)
            assert texts([said]) == texts(plain.complete([request]))
            assert "".join(deltas) == said.text


def test_long_replies_close_the_gaps_that_wrong_guesses_left(
    plain: LocalEngine, guessing: LocalEngine
) -> None:
    requests = [ask(i, max_tokens=340 - 20 * i) for i in range(3)]
    assert texts(guessing.complete(requests)) == texts(plain.complete(requests))


def test_what_a_wrong_guess_left_behind_is_wiped() -> None:
    cache = RowCache()
    cache.join([[torch.ones(1, 2, 1)] * 2] * 2)
    cache.open_columns(3)
    fed = torch.tensor([[5.0, 6.0, torch.nan], [7.0, torch.inf, torch.nan]]).view(2, 1, 3, 1)
    keys, values = cache.update(fed, fed, 0)
    cache.hide_unused(torch.tensor([2, 1]))
    for states in (keys, values):
        assert states[..., -3:, 0].squeeze(1).tolist() == [[5, 6, 0], [7, 0, 0]]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=90),
    st.lists(st.integers(1, 30), min_size=3, max_size=3),
)
def test_a_cache_shows_each_row_its_own_columns_in_order(
    steps: list[list[int]], lengths: list[int]
) -> None:
    """Three rows, four columns a step, of which each row uses some: against plain lists."""
    cache = RowCache()
    owned = [[float(i + 1)] * length for i, length in enumerate(lengths)]
    cache.join([[torch.tensor(row).view(1, -1, 1)] * 2 for row in owned])
    for number, refused in enumerate(steps):
        mask = cache.open_columns(4)
        fed = torch.arange(4.0).view(1, 1, 4, 1) + 10 * number + torch.zeros(3, 1, 4, 1)
        keys, _ = cache.update(fed, fed, 0)
        for i in range(3):
            for place in range(4):
                seen = keys[i, 0, mask[i, 0, place] == 0, 0].tolist()
                assert seen == owned[i] + fed[i, 0, : place + 1, 0].tolist()
        used = [4 - count for count in refused]
        cache.hide_unused(torch.tensor(used))
        for i, count in enumerate(used):
            owned[i] += fed[i, 0, :count, 0].tolist()
    longest = max(map(len, owned))
    assert cache.num_columns <= longest + 4 * len(steps)
