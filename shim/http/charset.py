"""Looks up the charset that a client declares, and converts JSON bodies to UTF-8."""

import codecs
from json import detect_encoding

from shim.errors import InvalidParameter, UnsupportedMedia

_NOT_CHARSETS = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"})
"""Python's text codecs that are not charsets; the first two take quadratic time."""

_CHARSET_LENGTH = 40
"""Most characters in the name of a charset."""

_BOM = codecs.BOM_UTF8


def codec(charset: str) -> str:
    """Return Python's name for *charset*; raise LookupError if it is not a charset."""
    if len(charset) > _CHARSET_LENGTH or not charset.isascii() or not charset.isprintable():
        raise LookupError(charset)
    name = codecs.lookup(charset).name
    if name.replace("-", "_") in _NOT_CHARSETS:
        raise LookupError(charset)
    return name


def json_as_utf8(body: bytes | bytearray, charset: str | None) -> bytes | bytearray:
    """Return a JSON *body* in UTF-8, without a byte order mark.

    *charset* is that of the Content-Type. Without it the first bytes decide, because JSON begins
    with an ASCII character (RFC 4627, section 3). Raises UnsupportedMedia for an unknown charset,
    InvalidParameter if the body is not valid in its charset.
    """
    try:
        name = codec(charset) if charset else detect_encoding(body)
        if name == "utf-8" or body.startswith(_BOM):
            return body.removeprefix(_BOM)
        return body.decode(name).removeprefix("\ufeff").encode()
    except LookupError as error:
        raise UnsupportedMedia(f"The body has an unknown charset: {charset}.") from error
    except UnicodeError as error:
        raise InvalidParameter(f"The body is not {(charset or name).upper()}.") from error
