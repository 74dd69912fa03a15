"""Texts that are refused before they are tokenized: none that fits, and each that is far longer.

The tokenizers are real: the built-in models', and three trained here that make long tokens.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from backends.failures import PromptTooLong
from backends.text.length import exceeds, refuse_if_exceeds
from tests.live import BUILTIN, MODELS

UNKNOWN = "?"
WORD = "Donaudampfschifffahrtsgesellschaft"
LINES = ["word", " " * 64, "\n" * 64, f"{WORD} {WORD}", "一二三四五六七八", "😀😀😀😀"] * 4
TEXTS = {
    "whitespace": " " * 64,
    "newlines": "\n" * 64,
    "long words": f"{WORD} ",
    "one long word": WORD,
    "one letter": "a",
    "CJK": "一二三四五六七八",
    "emoji": "😀😀😀😀",
    "special tokens": "<|assistant|><|end|>",
    "English": "the quick brown fox jumps over the lazy dog. ",
    "mixed": f"{' ' * 40}{WORD}, 一二三 😀\n",
}


def read(folder: Path) -> Tokenizer:
    """Return the tokenizer of the model in *folder*."""
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def byte_level() -> Tokenizer:
    """Return a tokenizer with tokens of up to 64 blanks, as Llama's, and of whole long words."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=1000, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(LINES, trainer)
    return tokenizer


def unigram() -> Tokenizer:
    """Return a tokenizer without pre-tokenization, whose tokens may join any characters."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.train_from_iterator(
        LINES, trainers.UnigramTrainer(vocab_size=200, unk_token=UNKNOWN, show_progress=False)
    )
    return tokenizer


def word_piece() -> Tokenizer:
    """Return a tokenizer such as BERT's: blanks make no token, an overlong word makes one."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=200, special_tokens=[UNKNOWN], show_progress=False
    )
    tokenizer.train_from_iterator(LINES, trainer)
    return tokenizer


TOKENIZERS = {
    "chat": read(BUILTIN / "chat"),
    "speech": read(MODELS / "speech-hf"),
    "byte-level": byte_level(),
    "unigram": unigram(),
    "word-piece": word_piece(),
}


def counting(tokenizer: Tokenizer) -> Callable[[str], int]:
    """Return a function that counts the tokens of a text by *tokenizer*, without special ones."""
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False))


@pytest.fixture(params=TOKENIZERS)
def count(request: pytest.FixtureRequest) -> Iterator[Callable[[str], int]]:
    """Return the number of a text's tokens, for each of the tokenizers."""
    return counting(TOKENIZERS[request.param])


@pytest.mark.parametrize("unit", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("characters", [3000, 20_000, 70_000])
def test_what_fits_passes(count: Callable[[str], int], unit: str, characters: int) -> None:
    """A text of exactly as many tokens as the context holds is not refused."""
    text = unit * (characters // len(unit))

    assert not exceeds(text, count, max_tokens=count(text))


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(sorted(TOKENIZERS)),
    st.lists(st.tuples(st.sampled_from(sorted(TEXTS.values())), st.integers(1, 2000)), min_size=1),
    st.text(max_size=50),
)
def test_any_text_that_fits_passes(name: str, units: list[tuple[str, int]], end: str) -> None:
    """Any mix of texts that fits is not refused."""
    text = "".join(unit * times for unit, times in units)[:100_000] + end
    count = counting(TOKENIZERS[name])
    assume(tokens := count(text))

    assert not exceeds(text, count, max_tokens=tokens)


@pytest.mark.parametrize("unit", TEXTS.values(), ids=TEXTS)
def test_what_is_far_too_long_is_refused(count: Callable[[str], int], unit: str) -> None:
    """A text of many more tokens is refused, and no other."""
    text = unit * (100_000 // len(unit))

    assert exceeds(text, count, max_tokens=64) == (count(text) > 100)


@pytest.mark.parametrize("unit", ["a", "😀", "一"])
def test_the_rest_of_a_long_text_is_not_counted(unit: str) -> None:
    """It costs the same to refuse 40 thousand characters as to refuse 4 million."""
    counted = []

    def count(text: str) -> int:
        counted.append(len(text))
        return len(TOKENIZERS["chat"].encode(text, add_special_tokens=False))

    assert exceeds(unit * 4_000_000, count, max_tokens=2048)
    assert sum(counted) < 20_000


def test_short_texts_are_not_counted() -> None:
    """Texts of at most 8 characters per token are tokenized anyhow: to count costs as much."""

    def count(_: str) -> int:
        pytest.fail("counted")

    assert not exceeds("a" * 8000, count, max_tokens=1000)


def test_the_refusal() -> None:
    """It has OpenAI's words, without a number of tokens, as they were not counted."""
    with pytest.raises(PromptTooLong, match="maximum context length is 100 tokens") as refusal:
        refuse_if_exceeds("a" * 10_000, counting(TOKENIZERS["chat"]), max_tokens=100)

    assert "more than 100 tokens" in str(refusal.value)
    assert refusal.value.option == "messages"
