"""Many recordings side by side: whose error ends what."""

import asyncio
import io
from collections.abc import AsyncGenerator
from typing import BinaryIO

import pytest

from backends.base import Segment, TranscriptInfo
from backends.failures import EngineDead, UndecodableAudio
from shim.api.transcription.many import results
from shim.api.transcription.opening import Recording
from shim.errors import InvalidParameter, QueueFull
from shim.serving.request_record import CURRENT, RequestRecord

Items = AsyncGenerator[TranscriptInfo | Segment, None]

INFO = TranscriptInfo(language="en", language_probability=1.0, duration=1.0, prompt_tokens=0)
FAILURES = {
    b"bad": UndecodableAudio("It is bad.", option="audio"),
    b"bug": ZeroDivisionError(),
    b"dead": EngineDead("It is dead."),
    b"full": QueueFull("It is full."),
}


class Engine:
    """Transcribes at once, fails as the recording says, or waits; counts what it works on."""

    def __init__(self) -> None:
        self.running = 0
        self.all_run = asyncio.Event()

    async def transcribe(self, audio: BinaryIO, place: str) -> Items:
        """Yield one item; wait first if the recording is `wait`."""
        del place
        content = audio.read()
        self.running += 1
        try:
            if content == b"wait":
                if self.running == 2:
                    self.all_run.set()
                await asyncio.Event().wait()
            if content in FAILURES:
                raise FAILURES[content]
            yield INFO
        finally:
            self.running -= 1


def recordings(*contents: bytes | InvalidParameter) -> list[Recording]:
    """Return recordings of *contents*, each with its place."""
    return [
        Recording(
            audio=io.BytesIO(content) if isinstance(content, bytes) else content,
            place=f"files[{number}]",
        )
        for number, content in enumerate(contents)
    ]


async def test_own_errors() -> None:
    """What fails by itself has its own error, and the first of them is noted for the log."""
    record = RequestRecord()
    CURRENT.set(record)
    unread = InvalidParameter("no", param="files[2]")

    found = await results(recordings(b"a", b"bad", unread, b"bug"), Engine().transcribe)

    first, bad, third, bug = found
    assert (first, third) == ([INFO], unread)
    assert isinstance(bad, UndecodableAudio)
    assert isinstance(bug, ZeroDivisionError)
    assert record.error == "undecodable_audio"


@pytest.mark.parametrize("failure", [b"dead", b"full"])
async def test_an_error_of_the_server(failure: bytes) -> None:
    """A failure that may be gone soon is raised for all, and ends those that run."""
    engine = Engine()

    with pytest.raises(type(FAILURES[failure])):
        await results(recordings(b"a", b"wait", failure, b"bad"), engine.transcribe)

    assert engine.running == 0


async def test_a_cancelled_request() -> None:
    """Cancelling ends every recording before it returns."""
    engine = Engine()
    task = asyncio.create_task(results(recordings(b"wait", b"wait"), engine.transcribe))
    await engine.all_run.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert engine.running == 0
