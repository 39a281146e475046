import json
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")

from safetensors.torch import load_file, save_file  # noqa: E402

from mapcoder_lite.engine.decode import Room  # noqa: E402
from mapcoder_lite.engine.folders import backbone_digest  # noqa: E402
from mapcoder_lite.engine.local import LocalEngine  # noqa: E402
from mapcoder_lite.errors import (  # noqa: E402
    EngineError,
    PromptTooLong,
    UnknownAdapter,
)
from mapcoder_lite.trajectory import Message, Request, Sampling  # noqa: E402
from tiny_qwen import (  # noqa: E402
    ROLES,
    load_backbone,
    make_adapter,
    make_backbone,
    make_tokenizer,
    peft_warnings_ignored,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)  # threads that wait for each other crawl on a busy machine
    make_backbone(folder / "backbone")
    for seed, role in enumerate(ROLES):
        pattern = {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"layers.0.mlp.up_proj": 2}}
        make_adapter(
            folder / "backbone", folder / role, 10 + seed, **(pattern if seed == 2 else {})
        )
    return folder


@pytest.fixture(scope="module")
def engine(world: Path) -> Iterator[LocalEngine]:
    engine = LocalEngine(world / "backbone", {role: world / role for role in ROLES}, num_threads=1)
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


def greedy_by_generate(model: "transformers.PreTrainedModel", request: Request) -> str:
    tokenizer = make_tokenizer()
    chat = [message.model_dump() for message in request.messages]
    text = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    ids = torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])
    whole = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=request.sampling.max_tokens,
        do_sample=False,
        pad_token_id=0,
        eos_token_id=[tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|endoftext|>")],
    )
    return tokenizer.decode(whole[0, ids.shape[1] :], skip_special_tokens=True)


def test_a_batch_equals_each_alone(engine: LocalEngine) -> None:
    requests = mixed(20)
    together = engine.complete(requests)
    alone = [engine.complete([request])[0] for request in requests]
    assert [c.text for c in together] == [c.text for c in alone]
    tokens = [(c.usage.prompt_tokens, c.usage.completion_tokens) for c in together]
    assert tokens == [(c.usage.prompt_tokens, c.usage.completion_tokens) for c in alone]
    assert len({c.text for c in together}) > 14


def test_every_adapter_equals_peft_generate(engine: LocalEngine, world: Path) -> None:
    for role in ROLES:
        requests = [ask(i, role, max_tokens=16) for i in range(1, 4)]
        with peft_warnings_ignored():
            model = peft.PeftModel.from_pretrained(
                load_backbone(world / "backbone"), world / role, autocast_adapter_dtype=False
            ).eval()
        expected = [greedy_by_generate(model, request) for request in requests]
        assert [c.text for c in engine.complete(requests)] == expected


def test_base_rows_equal_the_bare_backbone(engine: LocalEngine, world: Path) -> None:
    requests = [ask(i, max_tokens=24) for i in range(1, 5)]
    bare = load_backbone(world / "backbone")
    expected = [greedy_by_generate(bare, request) for request in requests]
    assert [c.text for c in engine.complete(requests)] == expected
    assert engine.complete(requests)[0].adapter_digest is None


def test_adapters_differ_from_base_and_from_each_other(engine: LocalEngine) -> None:
    replies = engine.complete([ask(7, adapter, max_tokens=24) for adapter in (*ROLES, None)])
    assert len({reply.text for reply in replies}) == 5
    assert len({reply.adapter_digest for reply in replies}) == 5


def test_seeded_draws_do_not_depend_on_the_batch(engine: LocalEngine) -> None:
    requests = mixed(15, temperature=0.9, top_p=0.9, seed=3)
    together = [c.text for c in engine.complete(requests)]
    backwards = [c.text for c in engine.complete(requests[::-1])][::-1]
    alone = [engine.complete([request])[0].text for request in requests]
    assert together == alone == backwards


def test_seed_and_attempt_change_a_drawn_reply(engine: LocalEngine) -> None:
    request = ask(5, "coding", temperature=1.0, max_tokens=30)
    other_seed = ask(5, "coding", temperature=1.0, max_tokens=30, seed=1)
    other_attempt = request.model_copy(update={"attempt": 1})
    texts = [c.text for c in engine.complete([request, request, other_seed, other_attempt])]
    assert texts[0] == texts[1]
    assert len(set(texts)) == 3


def test_usage_and_finish_reason_at_the_token_limit(engine: LocalEngine) -> None:
    reply = engine.complete([ask(3, "planning", max_tokens=9)])[0]
    tokenizer = make_tokenizer()
    chat = [{"role": "user", "content": ask(3).messages[0].content}]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    assert reply.finish_reason == "length"
    assert reply.usage.completion_tokens == 9
    assert reply.usage.prompt_tokens == len(tokenizer(prompt)["input_ids"])
    assert reply.model == "backbone"
    assert reply.seconds > 0


def test_a_stop_string_across_tokens_cuts_the_text(engine: LocalEngine) -> None:
    whole = engine.complete([ask(4, "coding", max_tokens=40)])[0]
    stop = whole.text[10:13]  # the tokenizer has single bytes, so this spans tokens
    reply = engine.complete([ask(4, "coding", max_tokens=40, stop=("never seen", stop))])[0]
    assert reply.finish_reason == "stop"
    assert reply.text == whole.text[: whole.text.index(stop)]
    assert reply.usage.completion_tokens < 40


def test_end_tokens_end_a_reply_and_are_not_in_its_text(
    engine: LocalEngine, world: Path, tmp_path: Path
) -> None:
    whole = engine.complete([ask(i, max_tokens=30) for i in range(8)])
    number, character = next(
        (i, c) for i, reply in enumerate(whole) for c in reply.text[3:] if c.isascii()
    )
    shutil.copytree(world / "backbone", tmp_path / "backbone")
    settings = tmp_path / "backbone" / "generation_config.json"
    ends = [make_tokenizer()(c)["input_ids"][0] for c in (character, "\0")]
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"eos_token_id": ends}))
    ending = LocalEngine(tmp_path / "backbone", {})
    reply = ending.complete([ask(number, max_tokens=30)])[0]
    ending.close()
    assert reply.finish_reason == "stop"
    assert reply.text == whole[number].text[: whole[number].text.index(character)]
    assert 0 < reply.usage.completion_tokens < 30


def test_guidance_reaches_the_model(engine: LocalEngine) -> None:
    request = ask(5, "debugging", max_tokens=20)
    guided = request.model_copy(update={"guidance": "Mind the empty list."})
    spelled = Request(messages=guided.messages_sent, adapter="debugging", sampling=request.sampling)
    texts = [c.text for c in engine.complete([request, guided, spelled])]
    assert texts[1] == texts[2] != texts[0]


def test_too_long_a_prompt_is_refused_with_both_numbers(engine: LocalEngine) -> None:
    with pytest.raises(PromptTooLong, match=r"prompt of \d+ tokens .* 380 tokens .* 384 tokens"):
        engine.complete([ask(1), ask(2, max_tokens=380)])


def test_an_unknown_adapter_is_refused_with_the_known_ones(engine: LocalEngine) -> None:
    with pytest.raises(UnknownAdapter, match="'poetry' is not loaded; loaded: coding, debugging"):
        engine.complete([ask(1, "poetry")])


def test_nothing_asked_nothing_answered(engine: LocalEngine) -> None:
    assert engine.complete([]) == []


def test_many_threads_get_their_own_answers_in_order(engine: LocalEngine) -> None:
    requests = mixed(24)
    expected = [c.text for c in engine.complete(requests)]
    got: dict[int, list[str]] = {}

    def work(start: int) -> None:
        got[start] = [c.text for c in engine.complete(requests[start : start + 3])]

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 24, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [text for start in sorted(got) for text in got[start]] == expected


def test_a_row_that_fails_leaves_its_neighbours_alone(world: Path, tmp_path: Path) -> None:
    shutil.copytree(world / "backbone", tmp_path / "backbone")
    weights = load_file(tmp_path / "backbone" / "model.safetensors")
    broken = make_tokenizer()("~")["input_ids"][0]
    weights["model.embed_tokens.weight"][broken] = float("nan")
    save_file(weights, tmp_path / "backbone" / "model.safetensors", metadata={"format": "pt"})
    engine = LocalEngine(tmp_path / "backbone", {})
    bad = Request(
        messages=(Message(role="user", content="a ~ b"),), sampling=Sampling(max_tokens=9)
    )
    good = [ask(i, max_tokens=30) for i in range(1, 6)]
    expected = [c.text for c in engine.complete(good)]
    outcome: list[str] = []

    def fail() -> None:
        try:
            engine.complete([bad])
        except EngineError as error:
            outcome.append(str(error))

    thread = threading.Thread(target=fail)
    thread.start()
    texts = [c.text for c in engine.complete(good)]
    thread.join()
    engine.close()
    assert texts == expected
    assert outcome == ["backbone could not go on: at token 0: the logits are not finite"]


def test_closing_leaves_nobody_waiting(world: Path) -> None:
    engine = LocalEngine(world / "backbone", {}, room=Room(rows=2))
    faults: list[EngineError] = []

    def work(number: int) -> None:
        try:
            engine.complete([ask(number, max_tokens=250)])
        except EngineError as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    engine.close()
    for thread in threads:
        thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in threads)
    assert faults and all("closed" in str(fault) for fault in faults)
    with pytest.raises(EngineError, match="closed"):
        engine.complete([ask(1)])


def test_identity_changes_with_weights_adapters_and_precision(world: Path, tmp_path: Path) -> None:
    def identity(backbone: Path, adapters: Sequence[str], dtype: str = "float32") -> str:
        chosen = {role: world / role for role in adapters}
        engine = LocalEngine(backbone, chosen, dtype=dtype)  # type: ignore[arg-type]  # a literal
        engine.close()
        return engine.identity

    shutil.copytree(world / "backbone", tmp_path / "backbone")
    same = identity(tmp_path / "backbone", ["coding"])
    weights = load_file(tmp_path / "backbone" / "model.safetensors")
    weights["lm_head.weight"][0, 0] += 1
    save_file(weights, tmp_path / "backbone" / "model.safetensors", metadata={"format": "pt"})
    others = {
        identity(tmp_path / "backbone", ["coding"]),
        identity(world / "backbone", ["coding", "planning"]),
        identity(world / "backbone", []),
        identity(world / "backbone", ["coding"], "bfloat16"),
    }
    assert same == identity(world / "backbone", ["coding"])
    assert same.startswith("local backbone@") and " coding@" in same
    assert len(others | {same}) == 5


def test_bf16_weights_are_computed_in_float32(tmp_path: Path) -> None:
    make_backbone(tmp_path / "half", "bfloat16")
    engine = LocalEngine(tmp_path / "half", {})
    request = ask(3, max_tokens=24)
    text = engine.complete([request])[0].text
    engine.close()
    assert load_file(tmp_path / "half" / "model.safetensors")["lm_head.weight"].dtype == (
        torch.bfloat16
    )
    assert text == greedy_by_generate(load_backbone(tmp_path / "half"), request)


def test_an_adapter_of_another_backbone_is_refused_with_both_digests(
    world: Path, tmp_path: Path
) -> None:
    shutil.copytree(world / "coding", tmp_path / "adapters" / "coding")
    record = tmp_path / "adapters" / "mapcoder.json"
    digest = backbone_digest(world / "backbone")
    folders = {"coding": tmp_path / "adapters" / "coding"}
    record.write_text(json.dumps({"backbone_digest": digest}))
    LocalEngine(world / "backbone", folders).close()
    record.write_text(json.dumps({"backbone_digest": "0123abcd"}))
    with pytest.raises(EngineError, match=f"digest 0123abcd, this one has {digest}.*train it"):
        LocalEngine(world / "backbone", folders)
    record.write_text("no JSON")
    with pytest.raises(EngineError, match="no record of training"):
        LocalEngine(world / "backbone", folders)


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"r": 8}, "does not fit"),
        ({"use_dora": True}, "use_dora"),
        ({"bias": "all"}, "bias=all"),
        ({"init_lora_weights": "pissa_niter_4"}, "init_lora_weights=pissa"),
        ({"peft_type": "LOHA"}, "peft_type=LOHA"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"lora_alpha": "much"}, "no PEFT configuration"),
    ],
)
def test_adapters_that_would_be_computed_wrong_are_refused(
    world: Path, tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    shutil.copytree(world / "coding", tmp_path / "coding")
    edit_config(tmp_path / "coding", **changes)
    with pytest.raises(EngineError, match=reason):
        LocalEngine(world / "backbone", {"coding": tmp_path / "coding"})


@pytest.mark.parametrize("change", ["another module", "not finite", "half a pair", "no lora key"])
def test_adapter_weights_of_another_backbone_are_refused(
    world: Path, tmp_path: Path, change: str
) -> None:
    shutil.copytree(world / "planning", tmp_path / "planning")
    path = tmp_path / "planning" / "adapter_model.safetensors"
    weights = load_file(path)
    first = next(key for key in sorted(weights) if "lora_A" in key)
    tensor = weights.pop(first)
    if change == "another module":
        weights[first.replace("layers.0", "layers.77")] = tensor
    elif change == "not finite":
        weights[first] = tensor * float("inf")
    elif change == "no lora key":
        weights[first.replace("lora_A", "lora_magnitude_vector")] = tensor
    save_file(weights, path)
    with pytest.raises(EngineError, match="planning"):
        LocalEngine(world / "backbone", {"planning": tmp_path / "planning"})


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_folder_that_is_no_backbone_is_refused(world: Path, tmp_path: Path, missing: str) -> None:
    shutil.copytree(world / "backbone", tmp_path / "backbone")
    (tmp_path / "backbone" / missing).unlink()
    with pytest.raises(EngineError, match="backbone"):
        LocalEngine(tmp_path / "backbone", {})


def test_an_adapter_folder_without_weights_is_refused(world: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"adapter_config\.json is missing"):
        LocalEngine(world / "backbone", {"coding": tmp_path})
