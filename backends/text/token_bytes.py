"""Reads the bytes of a vocabulary's tokens, and finds where each token of a text begins."""

import re
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

from tokenizers import Tokenizer

from backends.base import Candidate, PromptEcho, TokenLogprob

_BYTE = re.compile("<0x([0-9A-F]{2})>")
"""How SentencePiece writes a token of one byte."""
_NEAR = 16
"""Largest distance in bytes, after the end of one token, at which the next one is searched for."""
_characters = getincrementaldecoder("utf-8")


class TokenBytes:
    """Returns tokens of one vocabulary as text and bytes; reads each of them once."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        """Use *read*, which returns the bytes of a token id.

        The bytes may begin and end within a character.
        """
        self.read = read
        self._text_and_bytes = cache(self._read_text_and_bytes)

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "TokenBytes":
        """Read the vocabulary of *tokenizer*, a byte-level one or SentencePiece's."""
        return cls(_Vocabulary(tokenizer).read)

    def candidate(self, token: int, logprob: float) -> Candidate:
        """Return the token id *token* as a Candidate with *logprob*, a natural logarithm."""
        text, raw = self._text_and_bytes(token)
        return Candidate(text, logprob, raw)

    def echo(
        self, text: str, tokens: Sequence[int], logprobs: Iterable[TokenLogprob | None]
    ) -> PromptEcho:
        """Return the echo of *text*, whose token ids are *tokens*; *logprobs* has one for each."""
        pairs = [self._text_and_bytes(token) for token in tokens]
        return PromptEcho(
            text=text,
            tokens=tuple(token for token, _ in pairs),
            offsets=tuple(offsets(text, (raw for _, raw in pairs))),
            logprobs=tuple(logprobs),
        )

    def _read_text_and_bytes(self, token: int) -> tuple[str, bytes]:
        raw = self.read(token)
        return raw.decode(errors="backslashreplace"), raw


def offsets(text: str, tokens: Iterable[bytes]) -> Iterator[int]:
    """Yield, for each of *tokens* in order, the index in *text* of the character where it begins.

    A token that begins within a character gets the offset of that character. A token that is not
    in the text gets the offset at which the token before it ends: special tokens that the tokenizer
    adds, the space that SentencePiece puts in front, and characters that it has normalised.
    """
    raw = text.encode()
    decode = _characters().decode
    position = offset = 0
    for token in tokens:
        start, end = _find(raw, token, position)
        offset += len(decode(raw[position:start]))
        yield offset
        offset += len(decode(raw[start:end]))
        position = end


def _find(raw: bytes, token: bytes, position: int) -> tuple[int, int]:
    """Return the start and end of *token* in *raw* near *position*; twice *position* if absent."""
    if raw.startswith(token, position):
        return position, position + len(token)
    if token.startswith(b" ") and raw.startswith(token[1:], position):
        return position, position + len(token) - 1
    start = raw.find(token, position, position + _NEAR + len(token))
    return (position, position) if start < 0 else (start, start + len(token))


class _Vocabulary:
    """Translates a vocabulary's notation of tokens to bytes."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._byte_level = "ByteLevel(" in repr(tokenizer.decoder)
        self._added = {
            token: added.content for token, added in tokenizer.get_added_tokens_decoder().items()
        }

    def read(self, token: int) -> bytes:
        """Return the bytes of the token id *token*; `b""` if the vocabulary does not have it."""
        if (added := self._added.get(token)) is not None:
            return added.encode()  # a vocabulary holds added tokens as plain text
        return self._bytes(self._tokenizer.id_to_token(token) or "")

    def _bytes(self, notation: str) -> bytes:
        letters = _letters()
        if self._byte_level and all(letter in letters for letter in notation):
            return bytes(letters[letter] for letter in notation)
        if byte := _BYTE.fullmatch(notation):
            return bytes.fromhex(byte[1])
        return notation.replace("▁", " ").encode()  # SentencePiece's space


@cache
def _letters() -> dict[str, int]:
    """Return GPT-2's alphabet, letter → byte.

    A printable byte is the letter of the same code point; the others are numbered from U+0100.

    Source: `bytes_to_unicode` in the encoder that OpenAI published with GPT-2.
    """
    own = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in own]
    return {chr(byte): byte for byte in own} | {
        chr(0x100 + number): byte for number, byte in enumerate(others)
    }
