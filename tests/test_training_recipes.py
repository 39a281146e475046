"""Every recipe end to end: a tiny random model of its architecture, its template, its settings."""

import json
from pathlib import Path

import pytest
import trl
from transformers import AutoTokenizer

from mapcoder_lite import config
from mapcoder_lite.agents import prompt
from mapcoder_lite.engine.local import LocalEngine
from mapcoder_lite.errors import InputError
from mapcoder_lite.example import Example, Provenance, RowTokens
from mapcoder_lite.jsonl import write_lines, write_text
from mapcoder_lite.problem import Language, Problem, Source, Test
from mapcoder_lite.rendering import conversation
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training import rows, train
from mapcoder_lite.training.shapes import ALL_LINEAR
from mapcoder_lite.trajectory import CallKind, Message, Request, Role, Sampling
from source_tree import ROOT
from tiny_architectures import ARCHITECTURES, make_backbone, make_tokenizer

ROLES = (Role.PLANNING, Role.CODING)
CHAT_TEMPLATES = Path(trl.__file__).parent / "chat_templates"
"""Of TRL, which stores the models' own files to know a model by its template."""
SYSTEM, ASK, REPLY = "Be brief.", "Add 2 and 2.", "4"


def say(*turns: str, system: str | None = SYSTEM) -> list[dict[str, str]]:
    spoken = [] if system is None else [{"role": "system", "content": system}]
    for number, text in enumerate(turns):
        spoken.append({"role": "assistant" if number % 2 else "user", "content": text})
    return spoken


QWEN_SELF = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
QWEN_ASK = "<|im_start|>user\nAdd 2 and 2.<|im_end|>\n<|im_start|>assistant\n"
QWEN_OPEN = f"<|im_start|>system\nBe brief.<|im_end|>\n{QWEN_ASK}"
LLAMA_SYSTEM = (
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
    "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
)
LLAMA_USER = "<|start_header_id|>user<|end_header_id|>\n\n"
LLAMA_SELF = "<|start_header_id|>assistant<|end_header_id|>\n\n"
LLAMA_ASK = f"<|eot_id|>{LLAMA_USER}Add 2 and 2.<|eot_id|>{LLAMA_SELF}"
LLAMA_OPEN = f"{LLAMA_SYSTEM}Be brief.{LLAMA_ASK}"

RENDERED = {
    "qwen": {
        "opened": QWEN_OPEN,
        "answered": f"{QWEN_OPEN}4<|im_end|>\n",
        "bare": f"<|im_start|>system\n{QWEN_SELF}<|im_end|>\n{QWEN_ASK}",
        "again": f"{QWEN_OPEN}4<|im_end|>\n<|im_start|>user\nAnd 3?<|im_end|>\n"
        "<|im_start|>assistant\n",
    },
    "llama": {
        "opened": LLAMA_OPEN,
        "answered": f"{LLAMA_OPEN}4<|eot_id|>",
        "bare": f"{LLAMA_SYSTEM}{LLAMA_ASK}",
        "again": f"{LLAMA_OPEN}4<|eot_id|>{LLAMA_USER}And 3?<|eot_id|>{LLAMA_SELF}",
    },
    "mistral": {
        "opened": "<s>[INST] Be brief.\n\nAdd 2 and 2.[/INST]",
        "answered": "<s>[INST] Add 2 and 2.[/INST] 4</s>",  # without its system message
        "bare": "<s>[INST] Add 2 and 2.[/INST]",
        "again": "<s>[INST] Add 2 and 2.[/INST] 4</s>[INST] Be brief.\n\nAnd 3?[/INST]",
    },
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_templates_render_what_the_models_own_render(name):
    tokenizer = make_tokenizer(ARCHITECTURES[name])
    found = {
        "opened": (say(ASK), True),
        "answered": (say(ASK, REPLY), False),
        "bare": (say(ASK, system=None), True),
        "again": (say(ASK, REPLY, "And 3?"), True),
    }
    assert {
        case: tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=is_open)
        for case, (chat, is_open) in found.items()
    } == RENDERED[name]


@pytest.mark.parametrize(("name", "stored"), [("qwen", "qwen2_5"), ("llama", "llama3_1")])
def test_the_templates_render_what_those_that_trl_stores_render(name, stored):
    ours, theirs = (make_tokenizer(ARCHITECTURES[name]) for _ in range(2))
    theirs.chat_template = (CHAT_TEMPLATES / f"{stored}.jinja").read_text(encoding="utf-8")
    for turns in ((ASK,), (f"\n {ASK}\n\n",), (ASK, REPLY), (ASK, f" {REPLY}\n", "And 3?")):
        for system in (SYSTEM, None):
            for is_open in (True, False):
                chat = say(*turns, system=system)
                rendered = [
                    one.apply_chat_template(chat, tokenize=False, add_generation_prompt=is_open)
                    for one in (ours, theirs)
                ]
                assert rendered[0] == rendered[1]


PROBLEM = Problem(
    id="sum",
    title="Sum",
    statement="Add two numbers.",
    input_spec="Two integers.",
    output_spec="Their sum.",
    public_tests=(Test(input="1 2\n", outputs=("3\n",)),),
    source=Source(name="own"),
)
CODE = "```python\nprint(sum(map(int, input().split())))\n```"


def example(role: Role, number: int, answer: str) -> Example:
    asked = {
        Role.PLANNING: prompt.confidence(PROBLEM, f"Add {number}."),
        Role.CODING: prompt.coding(PROBLEM, "greedy", f"Add {number}.", Language.PYTHON),
    }
    kinds = {Role.PLANNING: CallKind.CONFIDENCE, Role.CODING: CallKind.CODING}
    return Example(
        prompt=asked[role],
        completion=(Message(role="assistant", content=answer),),
        role=role,
        kind=kinds[role],
        provenance=Provenance(
            run="r", problem_id=f"p{number}", sample=0, call_index=0, model="m", kept_by="test"
        ),
        tokens=RowTokens(prompt=1, completion=1, counted_by="nobody"),
    )


def write_dataset(folder: Path, num_rows: int) -> Path:
    (folder / "validation").mkdir(parents=True)
    for role in ROLES:
        made = [example(role, number, CODE) for number in range(num_rows)]
        write_lines(folder / f"{role}.jsonl", made[2:])
        write_lines(folder / "validation" / f"{role}.jsonl", made[:2])
    write_text(folder / "manifest.json", "{}")
    return folder


@pytest.mark.parametrize("reply", [CODE, f"\n  {CODE}\n\n", "é\t🙂 <root>&amp;</root>"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_training_sees_the_prompt_that_serving_sends_then_the_reply_and_its_end(
    name, reply, tmp_path
):
    architecture = ARCHITECTURES[name]
    backbone = make_backbone(architecture, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    for role in ROLES:
        row = example(role, 3, reply)
        trained = rows.encoded(row, tokenizer, rows.end_tokens(tokenizer, backbone))
        served = tokenizer.apply_chat_template(
            conversation(row.prompt), add_generation_prompt=True, return_dict=False
        )
        assert trained.ids[: trained.num_prompt] == served
        assert row.prompt[0].content in tokenizer.decode(served)
        taught = trained.ids[trained.num_prompt :]
        assert taught[-1] == tokenizer.convert_tokens_to_ids(architecture.eos)
        assert tokenizer.decode(taught[:-1]).strip() == reply.strip()


def test_a_template_that_forgets_the_prompt_is_refused(tmp_path):
    backbone = make_backbone(ARCHITECTURES["qwen"], tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    tokenizer.chat_template = "{{ messages | length }}{{ messages[-1].content }}<|im_end|>"
    with pytest.raises(InputError, match="not what it was before"):
        rows.encoded(example(Role.CODING, 1, CODE), tokenizer, frozenset({0}))


def recipe(name: str, backbone: Path, **changes: object) -> TrainConfig:
    """The recipe as it is shipped; a tiny model needs fewer rows a step, and learns faster."""
    shipped = config.load([ROOT / "configs" / ARCHITECTURES[name].recipe]).train
    scaled = {"backbone": str(backbone), "num_threads": 1, "learning_rate": 2e-2, **changes}
    return shipped.model_copy(update=scaled)


@pytest.mark.parametrize(
    ("name", "joint"),
    [
        *((name, True) for name in ARCHITECTURES),
        ("mistral", False),
        *(pytest.param(name, False, marks=pytest.mark.slow) for name in ("qwen", "llama")),
    ],
)
def test_a_recipe_runs_from_rows_to_replies(name, joint, tmp_path):
    if joint:
        pytest.importorskip("mapcoder_lite.training.joint")
    backbone = make_backbone(ARCHITECTURES[name], tmp_path / "backbone")
    dataset = write_dataset(tmp_path / "dataset", 10)
    adapters = tmp_path / "adapters"
    train.train(recipe(name, backbone, epochs=3, joint=joint), dataset, adapters, ROLES)
    manifest = json.loads((adapters / "mapcoder.json").read_text())
    assert manifest["settings"]["rank"] == 32
    losses = {}
    for role in ROLES:
        saved = json.loads((adapters / role / "adapter_config.json").read_text())
        assert saved["r"] == 32
        assert {name.rpartition(".")[2] for name in saved["target_modules"]} == set(ALL_LINEAR)
        losses[role] = json.loads((adapters / role / "training.json").read_text())
        assert losses[role]["validation_loss"] < losses[role]["untuned_loss"]
    engine = LocalEngine(backbone, {role.value: adapters / role for role in ROLES})
    try:
        asked = [
            Request(
                messages=example(role, 3, CODE).prompt,
                adapter=role.value,
                sampling=Sampling(max_tokens=8),
            )
            for role in ROLES
        ]
        replies = engine.complete(asked)
    finally:
        engine.close()
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    for request, reply in zip(asked, replies, strict=True):
        trained = rows.encoded(
            example(Role(request.adapter), 3, CODE),
            tokenizer,
            rows.end_tokens(tokenizer, backbone),
        )
        assert reply.usage.prompt_tokens == trained.num_prompt
        assert reply.adapter_digest is not None
        assert reply.text
