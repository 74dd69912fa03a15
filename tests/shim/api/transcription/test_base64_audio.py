"""Recordings as text: the variants of base64 that clients send, and texts that are refused."""

import base64

import pytest

from shim.api.transcription.base64_audio import decode, decoded
from shim.errors import InvalidParameter
from tests.watchdog import loop_watched, tried_again

CONTENT = bytes(n * n % 251 for n in range(1_000_001))
"""Takes several pieces, and padding."""

TEXT = base64.b64encode(CONTENT).decode()
LINES = base64.encodebytes(CONTENT).decode()
SAFE = base64.urlsafe_b64encode(CONTENT).decode()


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        LINES,
        LINES.replace("\n", "\r\n"),
        f" {TEXT}\t",
        SAFE,
        SAFE.rstrip("="),
        f"data:audio/wav;base64,{TEXT}",
        f"DATA:audio/ogg;codecs=opus;BASE64,{LINES}",
        f"data:;base64,{SAFE}",
    ],
)
async def test_variants(text: str) -> None:
    """Broken lines, the URL alphabet, missing padding and `data:` URLs give the same bytes."""
    assert (await decoded(text, param="data")).getvalue() == CONTENT


@pytest.mark.parametrize("size", range(8))
def test_short_texts(size: int) -> None:
    """Every length of the last four characters is decoded, with and without padding."""
    text = base64.b64encode(CONTENT[:size]).decode()

    assert decode(text, param="data").getvalue() == CONTENT[:size]
    assert decode(text.rstrip("="), param="data").getvalue() == CONTENT[:size]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("A", "not base64"),
        ("AA==AA==", "not base64"),
        ("AA===", "not base64"),
        ("=", "not base64"),
        ("A!AA", "not base64"),
        ("AAAÄ", "not ASCII"),
        (f"{TEXT}{TEXT}", "not base64"),
        (f"{TEXT[:500_000]}.{TEXT[500_000:]}", "not base64"),
        ("data:audio/wav,AAAA", "must have `;base64,`"),
        ("data:audio/wav;base64", "must have `;base64,`"),
        (f"data:{'a' * 2000};base64,AAAA", "must have `;base64,`"),
    ],
)
def test_what_is_not_base64(text: str, says: str) -> None:
    """Any other text is refused by the name of its field."""
    with pytest.raises(InvalidParameter, match=says) as error:
        decode(text, param="messages[0]")

    assert error.value.param == "messages[0]"


@tried_again
async def test_the_loop_turns() -> None:
    """Decoding the longest recording of a body does not block the event loop."""
    text = base64.b64encode(bytes(48 << 20)).decode()

    async with loop_watched() as lag:
        audio = await decoded(text, param="data")

    assert len(audio.getvalue()) == 48 << 20
    # In the event loop's own thread it takes a quarter of a second.
    assert lag.longest < 0.05
