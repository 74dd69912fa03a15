"""Server-sent events: when the first byte goes out, what a stream is made of, how it ends."""

from collections.abc import AsyncGenerator

import pytest
from msgspec import Struct

from backends.failures import EngineDead
from shim.sse import event_stream, frames, primed


class Word(Struct):
    """A chunk."""

    word: str


async def said(*words: str, log: list[str] | None = None) -> AsyncGenerator[Word, None]:
    """Say *words*; die at one that is called `die`, note in *log* when closed."""
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
    """Return a whole framed stream."""
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
    """Each chunk is a `data:` line, a failure too; `[DONE]` always ends the stream."""
    assert await text(said(*words)) == stream


async def test_the_unforeseen_in_mid_stream() -> None:
    """What nobody foresaw ends the stream in order, without telling what it was."""
    stream = await text(said("a", "break"))

    assert "secret" not in stream
    assert '"type":"server_error"' in stream
    assert stream.endswith("data: [DONE]\n\n")


async def test_primed_passes_everything_on() -> None:
    """The first item is awaited, and not lost."""
    for words in ([], ["a"], ["a", "b", "c"]):
        items = await primed(said(*words))

        assert [item.word async for item in items] == words


async def test_an_early_failure_is_raised() -> None:
    """What fails before the first item is raised, so that it keeps its HTTP status."""
    log: list[str] = []

    with pytest.raises(EngineDead):
        await primed(said("die", log=log))

    assert log == ["closed"]


async def test_a_late_failure_is_not_raised_early() -> None:
    """What fails later is raised later."""
    items = await primed(said("a", "die"))
    assert (await anext(items)).word == "a"

    with pytest.raises(EngineDead):
        await anext(items)


@pytest.mark.parametrize("read", [0, 1, 2])
async def test_closing_reaches_the_engine(read: int) -> None:
    """Wherever a stream is left, even before it began, the generator below is closed."""
    log: list[str] = []
    answer = event_stream(await primed(said("a", "b", "c", log=log)))
    for _ in range(read):
        await anext(answer.iterator)

    await answer.background()  # what Litestar does in the end, whatever ended the stream

    assert log == ["closed"]


async def test_headers() -> None:
    """A stream is announced as one, not to be kept."""
    answer = event_stream(said("a"))

    assert answer.media_type == "text/event-stream"
    assert answer.headers["cache-control"] == "no-cache"
