"""Batches that mix adapters, and requests that are watched, called off or fail."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")

from mapcoder_lite.engine.decode import Room  # noqa: E402
from mapcoder_lite.engine.local import LocalEngine  # noqa: E402
from mapcoder_lite.errors import Cancelled, EngineError, PromptTooLong  # noqa: E402
from mapcoder_lite.trajectory import (  # noqa: E402
    Cancellation,
    Completion,
    Message,
    Request,
    Sampling,
    Watch,
)
from tiny_qwen import (  # noqa: E402
    ROLES,
    load_backbone,
    make_adapter,
    make_backbone,
    make_tokenizer,
    peft_warnings_ignored,
)

WAIT = 20


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)  # threads that wait for each other crawl on a busy machine
    make_backbone(folder / "backbone")
    for seed, role in enumerate(ROLES):
        pattern = {"rank_pattern": {"q_proj": 2}, "exclude_modules": ["v_proj"]}
        make_adapter(
            folder / "backbone", folder / role, 10 + seed, **(pattern if seed == 2 else {})
        )
    return folder


def opened(world: Path, dtype: str = "float32", **room: int) -> LocalEngine:
    return LocalEngine(
        world / "backbone",
        {role: world / role for role in ROLES},
        dtype=dtype,  # type: ignore[arg-type]  # a literal
        num_threads=1,
        room=Room(**room),
    )


@pytest.fixture(scope="module")
def engine(world: Path) -> Iterator[LocalEngine]:
    engine = opened(world, rows=8)
    yield engine
    engine.close()


def ask(number: int, adapter: str | None = None, **sampling: object) -> Request:
    words = " ".join(f"w{number * k % 97}" for k in range(1, 2 + number % 23))
    fields = {"max_tokens": 4 + number * 5 % 26, **sampling}
    return Request(
        messages=(Message(role="user", content=words),),
        adapter=adapter,
        sampling=Sampling.model_validate(fields),
    )


def mixed(num: int, **sampling: object) -> list[Request]:
    adapters = (*ROLES, None)
    return [ask(i, adapters[i % 5], **sampling) for i in range(num)]


def by_peft(world: Path, requests: list[Request]) -> list[str]:
    """Answer a mixed batch as PEFT does it, greedily, padded at the left."""
    tokenizer = make_tokenizer()
    tokenizer.padding_side, tokenizer.pad_token = "left", "<|endoftext|>"
    chats = [[message.model_dump() for message in request.messages] for request in requests]
    texts = tokenizer.apply_chat_template(chats, add_generation_prompt=True, tokenize=False)
    batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    batch.pop("token_type_ids", None)
    num_tokens = requests[0].sampling.max_tokens
    with peft_warnings_ignored():
        model = peft.PeftModel.from_pretrained(
            load_backbone(world / "backbone"),
            world / ROLES[0],
            adapter_name=ROLES[0],
            autocast_adapter_dtype=False,
        )
        for role in ROLES[1:]:
            model.load_adapter(world / role, adapter_name=role, autocast_adapter_dtype=False)
        whole = model.eval().generate(
            **batch,
            adapter_names=[request.adapter or "__base__" for request in requests],
            max_new_tokens=num_tokens,
            do_sample=False,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=[tokenizer.eos_token_id, tokenizer.pad_token_id],
        )
    replies = whole[:, batch["input_ids"].shape[1] :]
    return tokenizer.batch_decode(replies, skip_special_tokens=True)


def texts(completions: list[Completion]) -> list[str]:
    return [completion.text for completion in completions]


def test_a_mixed_batch_equals_peft_and_each_alone(engine: LocalEngine, world: Path) -> None:
    requests = mixed(10, max_tokens=32)
    before = engine.statistics.num_mixed_steps
    together = texts(engine.complete(requests))
    assert engine.statistics.num_mixed_steps > before
    assert together == by_peft(world, requests)
    assert together == [engine.complete([request])[0].text for request in requests]


@pytest.mark.parametrize("prefix_cache_bytes", [0, 2**24])
def test_staggered_requests_of_many_threads_equal_each_alone(
    world: Path, engine: LocalEngine, prefix_cache_bytes: int
) -> None:
    requests = [
        request.model_copy(
            update={"messages": (Message(role="system", content="rules " * 12), *request.messages)}
        )
        for request in mixed(24)
    ]
    alone = opened(world, rows=1, prefix_cache_bytes=0)
    expected = [alone.complete([request])[0] for request in requests]
    alone.close()
    shared = opened(world, rows=8, prefix_cache_bytes=prefix_cache_bytes)
    got: dict[int, Completion] = {}

    def work(number: int) -> None:
        got[number] = shared.complete([requests[number]])[0]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
        thread.join(0.01)
    for thread in threads:
        thread.join(WAIT)
    statistics = shared.statistics
    shared.close()
    assert texts([got[i] for i in range(24)]) == texts(expected)
    assert 2 <= statistics.most_rows <= 8
    assert statistics.num_mixed_steps > 0
    cached = sum(completion.usage.cached_tokens for completion in got.values())
    assert (cached > 19 * 70) == (prefix_cache_bytes > 0)
    assert cached == statistics.num_reused_tokens


def test_a_watch_sees_every_text_and_each_completion_as_it_ends(engine: LocalEngine) -> None:
    requests = [*mixed(9, temperature=0.8, stop=("a", "e")), ask(1, max_tokens=40)]
    told = [""] * len(requests)
    ended: list[int] = []
    threads: set[threading.Thread] = set()

    def on_text(index: int, text: str) -> None:
        assert text
        told[index] += text

    def on_completion(index: int, completion: Completion) -> None:
        assert told[index] == completion.text
        ended.append(index)
        threads.add(threading.current_thread())

    completions = engine.complete(requests, Watch(on_text=on_text, on_completion=on_completion))
    assert told == texts(completions)
    assert sorted(ended) == list(range(10)) != ended
    assert threads == {threading.current_thread()}


def test_calling_off_is_prompt_leaves_neighbours_alone_and_frees_the_memory(world: Path) -> None:
    engine = opened(world, prefix_cache_bytes=0)
    cancellation, started = Cancellation(), threading.Event()
    neighbours = mixed(5)
    expected = texts(engine.complete(neighbours))
    outcome: list[object] = []

    def call() -> None:
        long = [ask(3, "coding", max_tokens=300, temperature=2.0, seed=i) for i in range(3)]
        watch = Watch(cancellation, on_text=lambda index, text: started.set())
        try:
            outcome.append(engine.complete(long, watch))
        except Cancelled as fault:
            outcome.append(fault)

    thread = threading.Thread(target=call)
    thread.start()
    assert started.wait(WAIT)
    got: list[str] = []
    neighbour = threading.Thread(target=lambda: got.extend(texts(engine.complete(neighbours))))
    neighbour.start()
    cancellation.cancel()
    thread.join(WAIT)
    neighbour.join(WAIT)
    assert isinstance(outcome[0], Cancelled)
    assert got == expected
    engine.complete([ask(1)])
    assert engine.statistics.cache_bytes == 0
    engine.close()


def test_one_that_cannot_be_answered_does_not_end_the_others(engine: LocalEngine) -> None:
    seen: dict[int, str] = {}
    requests = [ask(1), ask(2, max_tokens=380), ask(3, "poetry"), ask(4, "coding")]
    watch = Watch(on_completion=lambda index, completion: seen.update({index: completion.text}))
    with pytest.raises(PromptTooLong, match="384 tokens"):
        engine.complete(requests, watch)
    assert seen == {i: engine.complete([requests[i]])[0].text for i in (0, 3)}


def test_a_row_that_never_fits_is_refused_before_any_token(world: Path) -> None:
    engine = opened(world, cache_bytes=200_000)
    steps = engine.statistics.num_steps
    with pytest.raises(EngineError, match=r"need \d+ bytes .* 200000 of engine.cache_bytes") as e:
        engine.complete([ask(1, max_tokens=250)])
    assert not isinstance(e.value, PromptTooLong)  # a limit of ours: the problem stays owed
    assert engine.statistics.num_steps == steps
    engine.close()


def test_a_failed_forward_is_typed_and_the_engine_goes_on(world: Path) -> None:
    engine = opened(world)
    expected = engine.complete([ask(1)])[0].text
    failures = iter([RuntimeError("out of memory")])

    def fail(*_: object) -> None:
        for failure in failures:
            raise failure

    hook = engine._decoder._model.register_forward_pre_hook(fail)  # as a device would fail
    with pytest.raises(
        EngineError, match="the model failed: RuntimeError: out of memory"
    ) as caught:
        engine.complete([ask(1), ask(2)])
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert engine.complete([ask(1)])[0].text == expected
    hook.remove()
    engine.close()


def test_a_listener_that_fails_leaves_the_neighbours_alone(engine: LocalEngine) -> None:
    def fail(index: int, text: str) -> None:
        if index == 0:
            raise LookupError("deaf")

    seen: dict[int, str] = {}
    requests = mixed(3, max_tokens=20)
    watch = Watch(
        on_text=fail,
        on_completion=lambda index, completion: seen.update({index: completion.text}),
    )
    with pytest.raises(EngineError, match="the listener failed: LookupError: deaf"):
        engine.complete(requests, watch)
    assert seen == {i: engine.complete([requests[i]])[0].text for i in (1, 2)}


def test_a_prefix_is_never_reused_across_adapters(world: Path) -> None:
    engine = opened(world)
    usages = [
        engine.complete([ask(22, adapter)])[0].usage.cached_tokens
        for adapter in (*ROLES, None, "coding", None)
    ]
    engine.close()
    assert usages[:5] == [0] * 5
    assert usages[5] == usages[6] > 32


def test_changed_weights_under_a_name_are_another_adapter(world: Path, tmp_path: Path) -> None:
    make_adapter(world / "backbone", tmp_path / "coding", 99)
    other = LocalEngine(world / "backbone", {"coding": tmp_path / "coding"})
    reply = other.complete([ask(22, "coding", max_tokens=24)])[0]
    other.close()
    same = opened(world)
    old = same.complete([ask(22, "coding", max_tokens=24)])[0]
    same.close()
    assert reply.adapter_digest != old.adapter_digest
    assert reply.text != old.text
    assert reply.usage.cached_tokens == 0


def test_bf16_answers_mixed_batches(world: Path) -> None:
    engine = opened(world, "bfloat16")
    requests = mixed(10, max_tokens=12)
    replies = engine.complete(requests)
    assert engine.statistics.num_mixed_steps > 0
    engine.close()
    assert all(0 < reply.usage.completion_tokens <= 12 for reply in replies)
    assert len({reply.text for reply in replies}) > 6
