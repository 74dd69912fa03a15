"""Tokens of a vocabulary as bytes, and the offsets of tokens in a text."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models
from tokenizers.pre_tokenizers import ByteLevel

from backends.base import Candidate
from backends.text.token_bytes import TokenBytes, offsets
from tests.live import BUILTIN, MODELS

VOCABULARIES = [BUILTIN / "speech", BUILTIN / "chat", MODELS / "chat-hf"]
TEXT = " für Ägypten: 一二三, 😀!"


def byte_level(*pieces: str) -> TokenBytes:
    """Return a byte-level vocabulary of *pieces*."""
    tokenizer = Tokenizer(models.WordLevel({piece: at for at, piece in enumerate(pieces)}))
    tokenizer.decoder = decoders.ByteLevel()
    return TokenBytes.of(tokenizer)


def sentencepiece(*pieces: str) -> TokenBytes:
    """Return a vocabulary as SentencePiece writes it."""
    tokenizer = Tokenizer(models.WordLevel({piece: at for at, piece in enumerate(pieces)}))
    tokenizer.decoder = decoders.Metaspace()
    return TokenBytes.of(tokenizer)


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
    """Each letter of a byte-level token is one byte; the bytes may be parts of characters."""
    assert byte_level(piece).read(0) == raw


@pytest.mark.parametrize(
    ("piece", "raw"),
    [("▁the", b" the"), ("<0x0A>", b"\n"), ("é", "é".encode()), ("一", "一".encode())],
)
def test_sentencepiece_pieces(piece: str, raw: bytes) -> None:
    """SentencePiece writes text as it is, a space as a low line, and odd bytes as numbers."""
    assert sentencepiece(piece).read(0) == raw


@pytest.mark.parametrize("added", ["<end▁of▁text>", "é", "<0x0A>"])
def test_added_tokens(added: str) -> None:
    """A token that was added to a vocabulary is plain text, even if it looks like a notation."""
    tokenizer = Tokenizer(models.WordLevel({"Ġa": 0}))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([added])

    assert TokenBytes.of(tokenizer).read(1) == added.encode()


def test_no_such_token() -> None:
    """A model may have more rows than its tokenizer has tokens: those have no bytes."""
    assert byte_level("a").read(7) == b""


@pytest.mark.parametrize(
    ("piece", "text", "raw"),
    [
        ("Ġa", " a", b" a"),
        ("Ã¼", "ü", "ü".encode()),
        ("Ã", r"\xc3", b"\xc3"),
        ("ĠðŁ", r" \xf0\x9f", b" \xf0\x9f"),
    ],
)
def test_a_candidate(piece: str, text: str, raw: bytes) -> None:
    """A part of a character is named by its bytes in hex; the bytes are the true ones."""
    assert byte_level(piece).candidate(0, -0.5) == Candidate(text, -0.5, raw)


@pytest.mark.parametrize("folder", VOCABULARIES, ids=["speech", "chat", "chat-hf"])
def test_a_real_vocabulary(folder: Path) -> None:
    """The tokens of a text join to its bytes, and begin where the tokenizer says."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encoded = tokenizer.encode(TEXT, add_special_tokens=False)

    echo = TokenBytes.of(tokenizer).echo(TEXT, encoded.ids, [None] * len(encoded.ids))

    read = b"".join(map(TokenBytes.of(tokenizer).read, encoded.ids))
    assert read.decode() == TEXT
    assert echo.text == TEXT
    assert len(echo.tokens) == len(encoded.ids)
    assert list(echo.offsets) == [start for start, _ in encoded.offsets]


@pytest.mark.parametrize(
    ("text", "pieces", "begun"),
    [
        pytest.param("a b", ["a", " b"], [0, 1], id="tiles"),
        pytest.param("a b", ["<s>", " a", " b", "</s>"], [0, 0, 1, 3], id="special tokens"),
        pytest.param("<s>a", ["<s>", "a"], [0, 3], id="special tokens that were sent"),
        pytest.param("a a a", [" a", " a", " a"], [0, 1, 3], id="a space in front"),
        pytest.param("e\u0301 b", ["é", " b"], [0, 2], id="composed"),
        pytest.param("\uff21\uff22 c", ["A", "B", " c"], [0, 0, 2], id="narrowed"),
        pytest.param("a", ["", "a", ""], [0, 0, 1], id="no such tokens"),
        pytest.param("", ["<s>"], [0], id="nothing"),
    ],
)
def test_offsets(text: str, pieces: list[str], begun: list[int]) -> None:
    """Each token has the offset of its text, also where the tokenizer has changed it."""
    assert list(offsets(text, map(str.encode, pieces))) == begun


def test_every_byte() -> None:
    """Each byte has its own letter, as the tokenizer writes it."""
    letters = ByteLevel.alphabet()

    pieces = byte_level(*letters)

    assert {pieces.read(at) for at in range(len(letters))} == {bytes([b]) for b in range(256)}
