"""Decodes recordings that come as text: base64, or a `data:` URL with base64."""

import asyncio
import io
import re
from binascii import Error, a2b_base64

from shim.errors import InvalidParameter

_PIECE = 1 << 18
"""Characters that are decoded in one call, which holds the interpreter's lock for a millisecond."""

_INLINE = 1 << 18
"""Characters that are decoded on the event loop; a longer text is decoded in a thread."""

_HEAD_LENGTH = 1024
"""Most characters before the comma of a `data:` URL."""

_HEAD = re.compile(r"data:[^,]*;\s*base64\s*", re.IGNORECASE)

_STANDARD = bytes.maketrans(b"-_", b"+/")
"""Maps the alphabet that is safe in URLs (RFC 4648, section 5) to the standard one."""

_WHITE_SPACE = b" \t\r\n\v\f"


def is_data_url(text: str) -> bool:
    """Return whether *text* begins with `data:`, in any case."""
    return text[:5].lower() == "data:"


async def decoded(text: str, *, param: str) -> io.BytesIO:
    """Return `decode` of *text*, computed in a thread if it is long."""
    if len(text) <= _INLINE:
        return decode(text, param=param)
    return await asyncio.to_thread(decode, text, param=param)


def decode(text: str, *, param: str) -> io.BytesIO:
    """Return a file with the bytes of *text*: base64 in either alphabet, or a `data:` URL with it.

    The file's position is its end. White space is ignored, and padding may be missing at the end.
    Raises InvalidParameter for anything else; *param* is the name of the field.
    """
    start = _start(text, param) if is_data_url(text) else 0
    try:
        return _decode(text, start)
    except (Error, ValueError) as error:
        reason = "not ASCII" if isinstance(error, UnicodeError) else error
        raise InvalidParameter(f"`{param}` is not base64: {reason}.", param=param) from error


def _start(url: str, param: str) -> int:
    comma = url.find(",", 0, _HEAD_LENGTH)
    if comma < 0 or not _HEAD.fullmatch(url, 0, comma):
        raise InvalidParameter("A data: URL must have `;base64,` before its data.", param=param)
    return comma + 1


def _decode(text: str, start: int) -> io.BytesIO:
    audio, rest = io.BytesIO(), b""
    for first in range(start, len(text), _PIECE):
        piece = rest + text[first : first + _PIECE].encode("ascii").translate(
            _STANDARD, _WHITE_SPACE
        )
        # Four characters make three bytes. The last four wait: they may be padded.
        ready = max(len(piece) - 1, 0) // 4 * 4
        if piece[:ready].endswith(b"="):
            raise Error("Excess data after padding")
        audio.write(a2b_base64(piece[:ready], strict_mode=True))
        rest = piece[ready:]
    audio.write(a2b_base64(rest + b"=" * (-len(rest) % 4), strict_mode=True))
    return audio
