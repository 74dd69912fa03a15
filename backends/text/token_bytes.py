"""A tokenizer's pieces as the bytes that they stand for, and where they stand in a text."""

import re
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

from tokenizers import Tokenizer

from backends.base import Candidate, PromptEcho, TokenLogprob

_BYTE = re.compile("<0x([0-9A-F]{2})>")
_NEAR = 16
"""Bytes of a text that a tokenizer may have changed, between two pieces that stand in it."""
_characters = getincrementaldecoder("utf-8")


class Pieces:
    """A vocabulary's tokens, each read once."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        """Take what reads a token's bytes, which may begin and end within a character."""
        self.read = read
        self._known = cache(self._learned)

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Pieces":
        """Return the pieces of *tokenizer*: byte-level ones, or SentencePiece's."""
        return cls(_Vocabulary(tokenizer).read)

    def candidate(self, token: int, logprob: float) -> Candidate:
        """Return *token* with its *logprob*."""
        text, piece = self._known(token)
        return Candidate(text, logprob, piece)

    def echo(
        self, text: str, tokens: Sequence[int], logprobs: Iterable[TokenLogprob | None]
    ) -> PromptEcho:
        """Return the prompt *text*, which is *tokens*, with the *logprobs* of each."""
        known = [self._known(token) for token in tokens]
        return PromptEcho(
            text=text,
            tokens=tuple(name for name, _ in known),
            offsets=tuple(offsets(text, (piece for _, piece in known))),
            logprobs=tuple(logprobs),
        )

    def _learned(self, token: int) -> tuple[str, bytes]:
        piece = self.read(token)
        return piece.decode(errors="backslashreplace"), piece


def offsets(text: str, pieces: Iterable[bytes]) -> Iterator[int]:
    """Yield where in *text* each of its *pieces* begins, in characters.

    Within a character, that is where the character begins. What is not in the text takes no room
    there: the special tokens that a tokenizer adds, the space that SentencePiece begins with, and
    what stands in it otherwise because the tokenizer has normalised it.
    """
    raw = text.encode()
    completed = _characters().decode
    at = begun = 0
    for piece in pieces:
        start, end = _place(raw, piece, at)
        begun += len(completed(raw[at:start]))
        yield begun
        begun += len(completed(raw[start:end]))
        at = end


def _place(raw: bytes, piece: bytes, at: int) -> tuple[int, int]:
    """Return where *piece* begins and ends in *raw*, from *at* on; twice *at*: nowhere."""
    if raw.startswith(piece, at):
        return at, at + len(piece)
    if piece.startswith(b" ") and raw.startswith(piece[1:], at):
        return at, at + len(piece) - 1
    start = raw.find(piece, at, at + _NEAR + len(piece))
    return (at, at) if start < 0 else (start, start + len(piece))


class _Vocabulary:
    """Reads a tokenizer's vocabulary."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._byte_level = "ByteLevel(" in repr(tokenizer.decoder)
        self._added = {
            token: added.content for token, added in tokenizer.get_added_tokens_decoder().items()
        }

    def read(self, token: int) -> bytes:
        """Return the bytes of *token*; none, if there is no such token."""
        if (added := self._added.get(token)) is not None:
            return added.encode()  # stands in texts as it is
        return self._bytes(self._tokenizer.id_to_token(token) or "")

    def _bytes(self, piece: str) -> bytes:
        letters = _letters()
        if self._byte_level and all(letter in letters for letter in piece):
            return bytes(letters[letter] for letter in piece)
        if byte := _BYTE.fullmatch(piece):
            return bytes.fromhex(byte[1])
        return piece.replace("▁", " ").encode()  # SentencePiece's space


@cache
def _letters() -> dict[str, int]:
    """Return GPT-2's alphabet: a printable byte is its own letter, the others come after U+0100.

    Source: `bytes_to_unicode` in the encoder that OpenAI published with GPT-2.
    """
    own = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in own]
    return {chr(byte): byte for byte in own} | {
        chr(0x100 + at): byte for at, byte in enumerate(others)
    }
