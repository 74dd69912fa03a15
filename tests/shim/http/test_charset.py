"""JSON bodies in other charsets than UTF-8, declared or detected from their first bytes."""

import pytest

from shim.errors import InvalidParameter, UnsupportedMedia
from shim.http.charset import json_as_utf8

TEXT = '{"a":"é 録"}'


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-be"])
@pytest.mark.parametrize("declared", [True, False])
def test_unicode(codec: str, *, declared: bool) -> None:
    """Every encoding of Unicode is decoded, with a byte order mark or without one."""
    assert json_as_utf8(TEXT.encode(codec), codec if declared else None) == TEXT.encode()


@pytest.mark.parametrize(("codec", "text"), [("iso-8859-1", '"é"'), ("Shift_JIS", '"録"')])
def test_declared(codec: str, text: str) -> None:
    """Another charset is decoded if it is declared."""
    assert json_as_utf8(text.encode(codec), codec) == text.encode()


@pytest.mark.parametrize("charset", ["klingon", "punycode", "zip", "x" * 1000])
def test_unknown(charset: str) -> None:
    """An unknown charset is refused by its name."""
    with pytest.raises(UnsupportedMedia, match="unknown charset"):
        json_as_utf8(b"{}", charset)


@pytest.mark.parametrize(("body", "charset"), [(b'"\xe9"', "ascii"), (b"\xff\xfe{", None)])
def test_invalid(body: bytes, charset: str | None) -> None:
    """A body that is not valid in its charset is refused."""
    with pytest.raises(InvalidParameter, match="The body is not"):
        json_as_utf8(body, charset)
