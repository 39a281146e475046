"""A row under a model's chat template: the prompt as it is served, then reply and end of turn.

What is trained and what is served meet here: both read prompts and ends of replies alike.

Knows: messages, what templates do to them.
Does not know: which tokenizer, training, engines.
"""

from collections.abc import Sequence
from typing import Any

from mapcoder_lite.example import Example
from mapcoder_lite.trajectory import Message

_CHAT_ENDS = ("<|im_end|>", "<|endoftext|>")  # end a reply under any configuration


def ends_of_reply(tokenizer: Any, *configurations: Any) -> frozenset[int]:
    """Tokens at which a reply ends: those that tokenizer and configurations name, and chat's own.

    `tokenizer` is one of transformers'; `configurations` are a model's, of itself and of its
    generation, or None where there is none.
    """
    ends: set[int] = set()
    for owner in (tokenizer, *configurations):
        setting: Any = getattr(owner, "eos_token_id", None)  # one token, several, or None
        ends.update([setting] if isinstance(setting, int) else setting or [])
    vocabulary = tokenizer.get_vocab()
    ends.update(vocabulary[token] for token in _CHAT_ENDS if token in vocabulary)
    return frozenset(ends)


def rendered(example: Example, tokenizer: Any) -> tuple[list[int], list[int]]:
    """Tokens of the prompt as the engine sends it, and of what the template puts after it.

    `tokenizer` is one of transformers', with a chat template.

    Raises:
        ValueError: the template does not go on from the prompt; or what it raises itself.
    """
    asked = conversation(example.prompt)
    opened = {"add_generation_prompt": True}
    prompt = tokenizer.apply_chat_template(asked, return_dict=False, **opened)
    before = tokenizer.apply_chat_template(asked, tokenize=False, **opened)
    for messages in (example.prompt, with_system_folded(example.prompt)):
        whole = conversation((*messages, *example.completion))
        rendered = tokenizer.apply_chat_template(whole, return_dict=False)
        if rendered[: len(prompt)] == prompt:
            return prompt, rendered[len(prompt) :]
        # The reply's first token merged with the prompt's last: generated, they are two.
        text = tokenizer.apply_chat_template(whole, tokenize=False)
        if text.startswith(before):
            return prompt, tokenizer(text[len(before) :], add_special_tokens=False)["input_ids"]
    raise ValueError("with its reply the prompt is not what it was before, as it is served")


def with_system_folded(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Open the last message with the system message and a blank line, where it is the user's.

    Mistral's template does so by itself while the user has the last word, and leaves the system
    message out once a reply follows: only thus does it render the prompt that it serves.
    """
    first, last = messages[0], messages[-1]
    if first.role != "system" or last.role != "user":
        return tuple(messages)
    said = last.model_copy(update={"content": f"{first.content}\n\n{last.content}"})
    return (*messages[1:-1], said)


def conversation(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Messages in the form that chat templates read."""
    return [{"role": message.role, "content": message.content} for message in messages]
