"""The backbone's recipe: trains, is killed, goes on, ends in the same weights."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from mapcoder_lite.pocket.backbone import train
from mapcoder_lite.pocket.packing import PackedRows, new_tokenizer
from tiny_model import TINY, tiny_backbone

RECIPE = replace(TINY, num_tokens=512 * 40, checkpoint_minutes=0)
COMMAND = """
from dataclasses import replace
from pathlib import Path
from tiny_model import TINY
from mapcoder_lite.pocket.backbone import train
if __name__ == "__main__":
    train(replace(TINY, num_tokens=512 * 40, checkpoint_minutes=0), Path({folder!r}))
"""


def kill_after_first_checkpoint(folder: Path, script: Path) -> int:
    """Start the training in another process, kill it with all its workers; return its step."""
    script.write_text(COMMAND.format(folder=str(folder)))
    places = (str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    process = subprocess.Popen(
        [sys.executable, str(script)], env=environment, start_new_session=True
    )
    while process.poll() is None and not (folder / "checkpoint.pt").exists():
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return torch.load(folder / "checkpoint.pt", weights_only=True)["step"]


def test_a_killed_training_ends_in_the_same_weights(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(RECIPE, whole)
    step = kill_after_first_checkpoint(broken, tmp_path / "script.py")
    assert 0 < step < RECIPE.num_steps
    train(RECIPE, broken)
    first, second = (load_file(f / "model.safetensors") for f in (whole, broken))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)

    model = AutoModelForCausalLM.from_pretrained(whole)
    tokenizer = AutoTokenizer.from_pretrained(whole)
    assert model.config.model_type == "qwen2"
    assert model.config.eos_token_id == tokenizer.eos_token_id
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Print 12."}], add_generation_prompt=True, return_dict=False
    )
    assert tokenizer.decode(ids) == "<|im_start|>user\nPrint 12.<|im_end|>\n<|im_start|>assistant\n"


def test_a_row_is_the_same_whoever_packs_it(tmp_path):
    new_tokenizer(600, seed=0).save(str(tmp_path / "tokenizer.json"))
    whole = PackedRows(tmp_path / "tokenizer.json", 3, 128, range(4))
    ids, said = whole[7]
    assert ids.shape == said.shape == (4, 128)
    share = PackedRows(tmp_path / "tokenizer.json", 3, 128, range(2, 4))
    assert (share[7][0] == ids[2:]).all() and (share[7][1] == said[2:]).all()
    assert (whole[8][0] != ids).any()


def test_the_assistants_words_and_their_end_count_in_full(tmp_path):
    new_tokenizer(600, seed=0).save(str(tmp_path / "tokenizer.json"))
    tokenizer = AutoTokenizer.from_pretrained(tiny_backbone(tmp_path / "model"))
    ids, said = PackedRows(tmp_path / "model" / "tokenizer.json", 0, 512, range(1))[0]
    words = tokenizer.decode(ids[0][said[0]])
    assert "<|im_start|>" not in words and "<|im_end|>" in words


def test_a_backbone_of_another_architecture(tmp_path):
    train(replace(TINY, architecture="llama", num_workers=1), tmp_path)
    assert AutoModelForCausalLM.from_pretrained(tmp_path).config.model_type == "llama"
