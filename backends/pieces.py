"""A tokenizer's pieces as the bytes that they stand for."""

import re
from functools import cache

from tokenizers import Tokenizer

_BYTE = re.compile("<0x([0-9A-F]{2})>")


class Pieces:
    """Reads the pieces of one tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._byte_level = '"ByteLevel"' in tokenizer.to_str()

    def read(self, token: int) -> bytes:
        """Return the bytes of *token*, which may end within a character."""
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
