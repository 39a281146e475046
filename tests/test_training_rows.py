"""Rows as tokens: what is taught is the prompt that serving sends and the reply it would write."""

import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaConfig, PreTrainedTokenizerFast

from mapcoder_lite.engine.local import LocalEngine
from mapcoder_lite.errors import InputError
from mapcoder_lite.training.rows import IGNORED, encoded, end_tokens, read_split
from mapcoder_lite.training.separate import build_trainer
from mapcoder_lite.trajectory import Message, Role
from tiny_architectures import ARCHITECTURES
from tiny_architectures import make_backbone as llama_backbone
from tiny_qwen import TEMPLATE, make_backbone, make_tokenizer
from training_world import ANSWER, example, settings, write_dataset

# Of three kinds of backbones, shortened: a default system message; replies trimmed; a space before
# the reply and no system turn.
DEFAULT_SYSTEM = (
    "{% if messages[0].role != 'system' %}<|im_start|>system\nYou help.<|im_end|>\n{% endif %}"
    + TEMPLATE
)
TRIMMED = (
    "<|begin|>{% for m in messages %}<|head|>{{ m.role }}<|/head|>\n\n{{ m.content | trim }}"
    "<|im_end|>{% endfor %}{% if add_generation_prompt %}<|head|>assistant<|/head|>\n\n{% endif %}"
)
SPACED = (
    "{% for m in messages %}{% if m.role == 'assistant' %} {{ m.content }}<|im_end|>"
    "{% elif m.role == 'user' %}[INST] {% if messages[0].role == 'system' %}"
    "{{ messages[0].content }}\n\n{% endif %}{{ m.content }}[/INST]{% endif %}{% endfor %}"
)
TEMPLATES = {"default system": DEFAULT_SYSTEM, "trimmed": TRIMMED, "spaced": SPACED}


@cache
def tokenizer_of(template: str) -> PreTrainedTokenizerFast:
    tokenizer = make_tokenizer()
    tokenizer.chat_template = template
    return tokenizer


@pytest.fixture(scope="module", params=TEMPLATES)
def backbone(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("backbone")
    make_backbone(folder)
    (folder / "chat_template.jinja").write_text(TEMPLATES[request.param])
    return folder


def test_the_trainer_is_fed_what_the_engine_sends_and_stops_at(backbone, tmp_path):
    engine = LocalEngine(backbone, {})
    tokenizer = PreTrainedTokenizerFast.from_pretrained(backbone)
    bare = example(1).model_copy(update={"prompt": (Message(role="user", content="Print 1."),)})
    folder = write_dataset(tmp_path, [example(1), bare], [])
    split = read_split(folder, Role.CODING, tokenizer, end_tokens(tokenizer, backbone), 1000)
    trainer = build_trainer(settings(backbone), tokenizer, split, tmp_path)
    try:
        for row, fed in zip((example(1), bare), trainer.train_dataset, strict=True):
            sent = engine._encode(row.prompt)
            assert fed["input_ids"][: len(sent)] == sent
            assert fed["labels"][: len(sent)] == [IGNORED] * len(sent)
            taught = fed["labels"][len(sent) :]
            assert taught == fed["input_ids"][len(sent) :]
            assert taught[-1] in engine._end_tokens
            assert not engine._end_tokens & set(taught[:-1])
            assert engine._detokenize(taught).strip() == ANSWER
    finally:
        engine.close()


def test_replies_end_where_the_engine_ends_them_also_by_what_an_architecture_takes_for_granted(
    tmp_path,
):
    backbone = llama_backbone(ARCHITECTURES["llama"], tmp_path)
    for name in ("config.json", "generation_config.json"):
        fields = json.loads((backbone / name).read_text())
        fields.pop("eos_token_id")
        (backbone / name).write_text(json.dumps(fields))
    tokenizer = PreTrainedTokenizerFast.from_pretrained(backbone)
    engine = LocalEngine(backbone, {})
    engine.close()
    assert end_tokens(tokenizer, backbone) == engine._end_tokens
    assert LlamaConfig().eos_token_id in engine._end_tokens


@given(st.text(max_size=20), st.sampled_from(sorted(TEMPLATES)))
def test_a_row_is_its_served_prompt_then_its_reply_and_one_end(reply, name):
    tokenizer = tokenizer_of(TEMPLATES[name])
    end = tokenizer.eos_token_id
    row = encoded(example(1, answer=reply), tokenizer, frozenset({end}))
    chat = [{"role": m.role, "content": m.content} for m in row.example.prompt]
    served = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
    assert row.ids[: row.num_prompt] == served
    assert row.ids.index(end, row.num_prompt) == len(row.ids) - 1
    taught = tokenizer.decode(row.ids[row.num_prompt : -1])
    assert taught.strip() == reply.strip()


def test_what_follows_the_end_of_turn_is_not_taught():
    tokenizer = tokenizer_of(DEFAULT_SYSTEM)
    row = encoded(example(1), tokenizer, frozenset({tokenizer.eos_token_id}))
    assert tokenizer.decode(row.ids[row.num_prompt :]) == f"{ANSWER}<|im_end|>"
    assert row.num_rendered == len(row.ids) + 1  # the newline that the template adds


def test_a_reply_that_ends_a_turn_itself_is_refused_by_name():
    tokenizer = tokenizer_of(DEFAULT_SYSTEM)
    ends = frozenset({tokenizer.eos_token_id})
    with pytest.raises(InputError, match=r"r, p3, sample 0, call 0 holds '<\|im_end\|>'"):
        encoded(example(3, answer="7<|im_end|>then more"), tokenizer, ends)


def test_a_template_that_does_not_go_on_from_the_prompt_is_refused():
    changing = DEFAULT_SYSTEM + "{% if messages[-1].role == 'assistant' %}!{% endif %}"
    tokenizer = tokenizer_of("{{ messages | length }}" + changing)
    with pytest.raises(InputError, match="not what it was before"):
        encoded(example(1), tokenizer, frozenset({tokenizer.eos_token_id}))


def test_a_template_that_ends_no_reply_or_refuses_the_row_is_said():
    endless = tokenizer_of("{% for m in messages %}{{ m.content }}\n{% endfor %}")
    with pytest.raises(InputError, match="no token at which serving stops"):
        encoded(example(1), endless, frozenset({endless.eos_token_id}))
    strict = tokenizer_of("{{ raise_exception('no system message') }}")
    with pytest.raises(InputError, match=r"refuses r, p1.*no system message"):
        encoded(example(1), strict, frozenset({strict.eos_token_id}))


def test_validation_rows_and_long_rows_are_set_apart(tmp_path):
    tokenizer = tokenizer_of(DEFAULT_SYSTEM)
    ends = frozenset({tokenizer.eos_token_id})
    long = example(3, answer="word " * 80)
    folder = write_dataset(tmp_path, [example(1), long], [example(2)])
    split = read_split(folder, Role.CODING, tokenizer, ends, 200)
    assert [row.example for row in split.train] == [example(1)]
    assert [row.example for row in split.validation] == [example(2)]
    assert [row.example for row in split.too_long] == [long]
    assert len(split.too_long[0].ids) > 200
