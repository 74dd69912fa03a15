"""A tokenizer's pieces as the bytes that they stand for."""

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from tokenizers.pre_tokenizers import ByteLevel

from backends.pieces import Pieces
from tests.live import BUILTIN

TEXT = " für Ägypten: 一二三, 😀!"


def byte_level(*pieces: str) -> Pieces:
    """Return a byte-level vocabulary of *pieces*."""
    tokenizer = Tokenizer(models.WordLevel({piece: at for at, piece in enumerate(pieces)}))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    return Pieces(tokenizer)


def sentencepiece(*pieces: str) -> Pieces:
    """Return a vocabulary as SentencePiece writes it."""
    tokenizer = Tokenizer(models.WordLevel({piece: at for at, piece in enumerate(pieces)}))
    tokenizer.decoder = decoders.Metaspace()
    return Pieces(tokenizer)


@pytest.mark.parametrize(
    ("piece", "raw"),
    [
        ("a", b"a"),
        ("Ġa", b" a"),
        ("Ċ", b"\n"),
        ("Ã¼", "ü".encode()),
        ("Ã", b"\xc3"),
        ("\u00e4\u00b8\u0122", "一".encode()),
        ("ðŁĺĢ", "😀".encode()),
        ("Ā", b"\0"),
        ("<|end|>", b"<|end|>"),
    ],
)
def test_byte_level_pieces(piece: str, raw: bytes) -> None:
    """A byte-level piece is the bytes that its letters stand for, whole characters or not."""
    assert byte_level(piece).read(0) == raw


@pytest.mark.parametrize(
    ("piece", "raw"),
    [("▁the", b" the"), ("<0x0A>", b"\n"), ("é", "é".encode()), ("一", "一".encode())],
)
def test_sentencepiece_pieces(piece: str, raw: bytes) -> None:
    """SentencePiece writes text as it is, a space as a low line, and odd bytes as numbers."""
    assert sentencepiece(piece).read(0) == raw


@pytest.mark.parametrize("model", ["speech", "chat"])
def test_a_real_vocabulary(model: str) -> None:
    """The bytes of the tokens that a text is made of are the text, whatever its script."""
    tokenizer = Tokenizer.from_file(str(BUILTIN / model / "tokenizer.json"))
    pieces = Pieces(tokenizer)

    found = b"".join(map(pieces.read, tokenizer.encode(TEXT, add_special_tokens=False).ids))

    assert found.decode() == TEXT


def test_every_byte() -> None:
    """Each byte has its own letter, as the tokenizer writes it."""
    letters = ByteLevel.alphabet()

    pieces = byte_level(*letters)

    assert {pieces.read(at) for at in range(len(letters))} == {bytes([b]) for b in range(256)}
