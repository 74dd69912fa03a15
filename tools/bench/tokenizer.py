"""A tokenizer of Whisper's real size over made-up words, for models that were never trained."""

from itertools import islice, product

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from tools.byte_letters import byte_letters
from tools.speech.tokenizer import LANGUAGES, SPECIALS, TIMESTAMPS

END = 50257
"""<|endoftext|> of every multilingual Whisper: 50256 texts and the empty one come before it."""

SYLLABLES = ["".join(pair) for pair in product("bdfghjklmnprstvz", "aeiou")]


def specials(languages: int) -> list[str]:
    """Return the special tokens of a model that knows 99 languages, or 100 (large-v3)."""
    last = 1 + len(LANGUAGES)
    return SPECIALS[:last] + ["<|yue|>"][: languages - len(LANGUAGES)] + SPECIALS[last:]


def texts() -> list[str]:
    """Return the bytes, then as many words of three syllables as fill Whisper's vocabulary."""
    letters = byte_letters()
    space = letters[ord(" ")]
    words = (space + "".join(parts) for parts in product(SYLLABLES, repeat=3))
    known = [letters[byte] for byte in range(256)]
    return [*known, *islice(words, END - 1 - len(known)), ""]


def build(languages: int) -> Tokenizer:
    """Return the tokenizer. It has no merges: text is read as bytes, which only prompts need."""
    vocabulary = {text: place for place, text in enumerate(texts())}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], fuse_unk=False))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    named = [AddedToken(t, special=True, normalized=False) for t in specials(languages)]
    tokenizer.add_special_tokens(named)
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in TIMESTAMPS])
    return tokenizer
