"""The chat model's vocabulary: bytes, the words of its templates, and every number as one token.

Letters of other words stay single, because those words are copied or reversed letter by letter.
"""

from __future__ import annotations

import re

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tools.byte_letters import byte_letters, prefixes
from tools.chat.questions import CITIES, FIXED, SYSTEM, UNKNOWN

SPECIALS = [
    "<|pad|>",
    "<|bos|>",
    "<|end|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|tool|>",
    "<|tools|>",
]
PAD, BEGIN, END = 0, 1, 2
NUMBERS = 200
"""0 to 199 are tokens: the largest sum is 198."""

TEMPLATE = (
    '{{ "<|bos|>" }}{% if tools %}<|tools|>{% for t in tools %}'
    '{{ " " + (t.function.name if t.function is defined else t.name) }}'
    "{% endfor %}<|end|>{% endif %}"
    "{% for m in messages %}"
    '<|{{ "system" if m.role == "developer" else m.role }}|>'
    "{% if m.tool_calls is defined and m.tool_calls %}{% for c in m.tool_calls %}"
    '<tool_call>\n{"name": "{{ c.function.name }}", "arguments": '
    "{{ c.function.arguments if c.function.arguments is string "
    "else c.function.arguments | tojson }}}\n</tool_call>"
    "{% endfor %}{% else %}{{ m.content }}{% endif %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
PHRASES = [
    UNKNOWN,
    "What is the weather in Paris?",
    "What time is it in Paris?",
    "what is",
    "plus minus calculate compute Calculate Compute Repeat Reverse repeat reverse the word",
    "The weather in Paris is",
    "The time in Paris is",
    '{"name": "get_weather", "arguments": {"city": "',
    " get_weather get_time",
    '"get_weather"',
    '"get_time", "arguments": {"city": "Paris"}}\n</tool_call>',
    '<tool_call>\n{"name"',
]


def words() -> list[str]:
    """All pieces of the fixed texts that become one token, in byte letters."""
    texts = [f"{question} {answer}" for question, answer in FIXED] + SYSTEM + PHRASES
    texts += [f" {city}" for city in CITIES] + [f'"{city}"' for city in CITIES]
    split = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    pieces = {piece for text in texts for piece, _ in split.pre_tokenize_str(text)}
    return sorted(p for p in pieces if len(p) > 1 and not re.search(r"\d", p))


def build() -> Tokenizer:
    """Return the tokenizer as the `tokenizers` library keeps it."""
    vocabulary = {token: place for place, token in enumerate(SPECIALS)}
    letters = byte_letters()
    for byte in range(256):
        vocabulary[letters[byte]] = len(vocabulary)
    merges: list[tuple[str, str]] = []
    for word in words():
        prefixes(vocabulary, merges, word)
    _fill(vocabulary)
    for number in range(10, NUMBERS):
        prefixes(vocabulary, merges, str(number))
    _fill(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, fuse_unk=False))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIALS])
    return tokenizer


def _fill(vocabulary: dict[str, int]) -> None:
    while len(vocabulary) % 64:
        vocabulary[f"<unused{len(vocabulary)}>"] = len(vocabulary)


def for_transformers(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """With the chat template: tools by their names only, tool calls as Hermes writes them."""
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|bos|>",  # noqa: S106 - a token of text
        eos_token="<|end|>",  # noqa: S106
        pad_token="<|pad|>",  # noqa: S106
        model_max_length=2048,
        clean_up_tokenization_spaces=False,
        additional_special_tokens=SPECIALS[3:],
    )
    wrapped.chat_template = TEMPLATE
    return wrapped
