"""Whisper's token ids for a small vocabulary: bytes, the words of the domain, Whisper's specials.

The order of the specials is Whisper's and may not change: CTranslate2 counts the languages as
`id(nospeech) - id(startoftranscript) - 5`, and takes a model for multilingual if the vocabulary
holds the empty token, which therefore stands just before <|endoftext|>.
"""

# ruff: noqa: SIM905 - a list of words reads best as a text

from __future__ import annotations

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from tools.byte_letters import byte_letters, prefixes
from tools.speech.grammar import WORDS

LANGUAGES = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th "
    "ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr "
    "pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt "
    "haw ln ha ba jw su"
).split()
SPECIALS = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{language}|>" for language in LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
]
STEPS = 1500
"""Timestamps go from 0 to 30 s in steps of 20 ms."""

TIMESTAMPS = [f"<|{step * 0.02:.2f}|>" for step in range(STEPS + 1)]
_LETTERS = byte_letters()


def _letters(word: str) -> str:
    return "".join(_LETTERS[byte] for byte in (" " + word).encode())


def _vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """256 bytes, then every " word" built from left to right, filled up to a multiple of 8."""
    vocabulary = {letter: place for place, letter in enumerate(_LETTERS[b] for b in range(256))}
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        prefixes(vocabulary, merges, _letters(word))
    while (len(vocabulary) + 1) % 8:
        vocabulary[f"unused{len(vocabulary)}"] = len(vocabulary)
    vocabulary[""] = len(vocabulary)
    return vocabulary, merges


VOCABULARY, MERGES = _vocabulary()
END = len(VOCABULARY)
SPECIAL_IDS = {token: END + place for place, token in enumerate(SPECIALS)}
START = SPECIAL_IDS["<|startoftranscript|>"]
PREVIOUS = SPECIAL_IDS["<|startofprev|>"]
NO_SPEECH = SPECIAL_IDS["<|nospeech|>"]
NO_TIMESTAMPS = SPECIAL_IDS["<|notimestamps|>"]
TRANSCRIBE = SPECIAL_IDS["<|transcribe|>"]
TRANSLATE = SPECIAL_IDS["<|translate|>"]
FIRST_TIMESTAMP = END + len(SPECIALS)
SIZE = FIRST_TIMESTAMP + len(TIMESTAMPS)


def language_id(language: str) -> int:
    """Return the token of a language."""
    return SPECIAL_IDS[f"<|{language}|>"]


def word_id(word: str) -> int:
    """Return the one token of a word of the domain with the space before it."""
    return VOCABULARY[_letters(word)]


def timestamp_id(seconds: float) -> int:
    """Return the token of a time in the window."""
    return FIRST_TIMESTAMP + min(STEPS, max(0, round(seconds / 0.02)))


def build() -> Tokenizer:
    """Return the tokenizer as the `tokenizers` library keeps it."""
    tokenizer = Tokenizer(models.BPE(vocab=VOCABULARY, merges=MERGES, fuse_unk=False))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIALS])
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in TIMESTAMPS])
    return tokenizer
