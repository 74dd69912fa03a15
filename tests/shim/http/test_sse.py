"""Server-sent events: their bytes, and how a stream ends."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from typing import Any

import pytest
from msgspec import Struct

from backends.failures import EngineDead
from shim.http.sse import EventStream, frames
from shim.serving.pipeline import primed


class Word(Struct):
    """A chunk."""

    word: str


async def words_of(*words: str, log: list[str] | None = None) -> AsyncGenerator[Word, None]:
    """Yield *words*; raise an error at `die` or `break`, and add to *log* when closed."""
    try:
        for word in words:
            if word == "die":
                raise EngineDead("gone")
            if word == "break":
                raise ZeroDivisionError("secret")
            yield Word(word)
    finally:
        if log is not None:
            log.append("closed")


async def text(chunks: AsyncGenerator[Word, None]) -> str:
    """Return all bytes of a stream as a text."""
    return b"".join([frame async for frame in frames(chunks)]).decode()


ERROR = (
    '{"error":{"message":"gone","type":"service_unavailable_error",'
    '"param":null,"code":"server_is_overloaded"}}'
)


@pytest.mark.parametrize(
    ("words", "stream"),
    [
        ([], "data: [DONE]\n\n"),
        (["a"], 'data: {"word":"a"}\n\ndata: [DONE]\n\n'),
        (["a\n\nb"], 'data: {"word":"a\\n\\nb"}\n\ndata: [DONE]\n\n'),
        (["é\u2028"], 'data: {"word":"é\u2028"}\n\ndata: [DONE]\n\n'),
        (["a", "die"], f'data: {{"word":"a"}}\n\ndata: {ERROR}\n\ndata: [DONE]\n\n'),
        (["die"], f"data: {ERROR}\n\ndata: [DONE]\n\n"),
    ],
    ids=["nothing", "word", "newlines", "letters", "error", "error at once"],
)
async def test_frames(words: list[str], stream: str) -> None:
    """Each chunk is a `data:` line, an error too; `[DONE]` always ends the stream."""
    assert await text(words_of(*words)) == stream


async def test_an_unforeseen_error() -> None:
    """An unforeseen error ends the stream in order, without its details."""
    stream = await text(words_of("a", "break"))

    assert "secret" not in stream
    assert '"type":"server_error"' in stream
    assert stream.endswith("data: [DONE]\n\n")


class Reader:
    """A client that reads *patience* messages of an answer, then disconnects."""

    def __init__(self, patience: int = 100) -> None:
        self._patience = patience
        self.read: list[Any] = []

    async def take(self, message: Any) -> None:
        """Add *message*; raise CancelledError if it is one too many."""
        if len(self.read) == self._patience:
            raise asyncio.CancelledError
        self.read.append(message)


async def answered(stream: EventStream, reader: Reader) -> None:
    """Send a stream to *reader*, as Litestar does."""
    unused: Any = None
    await stream.to_asgi_response(app=None, request=unused)(unused, unused, reader.take)


async def test_an_event_stream() -> None:
    """The headers forbid caching, and each event is a message of its own."""
    reader = Reader()

    await answered(EventStream(words_of("a", "b"), headers={"x-more": "y"}), reader)

    start, *pieces, end = reader.read
    assert start["status"] == 200
    assert sorted(start["headers"]) == [
        (b"cache-control", b"no-cache"),
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"x-more", b"y"),
    ]
    assert [piece["body"] for piece in pieces] == [
        b'data: {"word":"a"}\n\n',
        b'data: {"word":"b"}\n\n',
        b"data: [DONE]\n\n",
    ]
    assert all(piece["more_body"] for piece in pieces)
    assert end == {"type": "http.response.body", "body": b"", "more_body": False}


@pytest.mark.parametrize("read", [0, 1, 2, 3])
async def test_closing_reaches_the_engine(read: int) -> None:
    """Wherever a stream is cancelled, even before it began, its generator is closed."""
    log: list[str] = []
    chunks = await primed(words_of("a", "b", "c", log=log))
    holding = ExitStack()
    holding.callback(log.append, "released")
    answer = EventStream(chunks, holding=holding)

    with pytest.raises(asyncio.CancelledError):
        await answered(answer, Reader(read))

    assert log == ["closed", "released"]


async def test_holding_is_exited_if_closing_fails() -> None:
    """The context manager is exited even if closing the generator raises."""
    log: list[str] = []

    async def unclosable() -> AsyncGenerator[Word, None]:
        try:
            yield Word("a")
        finally:
            raise LookupError("cannot be closed")

    holding = ExitStack()
    holding.callback(log.append, "released")

    with pytest.raises(LookupError, match="cannot be closed"):
        await answered(EventStream(await primed(unclosable()), holding=holding), Reader(0))

    assert log == ["released"]
