"""Clips: the request, and the answers that count as a transcript."""

import pytest
from openai import AsyncOpenAI

from evals.ask import transcription as clips
from evals.ask.clip_duration import seconds
from evals.ask.retries import Tries
from evals.ask.task import Task
from evals.dataset import Clip
from evals.failures import NoText
from tests.evals.scripted_server import Reply, ScriptedServer, stream, transcription

DONE = {"type": "transcript.text.done", "text": "turn on"}
DELTA = {"type": "transcript.text.delta", "delta": "turn"}


async def test_a_transcript(server: ScriptedServer, client: AsyncOpenAI, clip: Clip) -> None:
    """The file is sent with its name, and the text is returned."""
    server.script.append(transcription("turn on"))

    answer = await clips.ask(client, Task(model="m", language="en"), clip, Tries())

    sent = server.requests[0].body
    assert answer.text == "turn on"
    assert b'filename="silence.wav"' in sent
    assert clip.audio.read_bytes() in sent


def test_the_clips_own_language_goes_first(clip: Clip) -> None:
    """The task's language is for clips without one, and options that are not set are not sent."""
    german = Clip(
        **{name: getattr(clip, name) for name in clip.__struct_fields__[:-1]}, language="de"
    )
    task = Task(model="m", language="en")

    forms = [clips.body(task, sample) for sample in (clip, german)]

    assert [form["language"] for form in forms] == ["en", "de"]
    assert set(forms[0]) == {"model", "response_format", "language", "temperature"}


async def test_silence_is_an_answer(
    server: ScriptedServer, client: AsyncOpenAI, clip: Clip
) -> None:
    """An empty transcript is an answer."""
    server.script.append(transcription(""))

    assert (await clips.ask(client, Task(model="m"), clip, Tries())).text == ""


@pytest.mark.parametrize("reply", [Reply(body=b"{}"), Reply(body=b"text", kind="text/plain")])
async def test_no_transcript_is_a_failure(
    reply: Reply, server: ScriptedServer, client: AsyncOpenAI, clip: Clip
) -> None:
    """A 200 without a text does not count as silence."""
    server.script.append(reply)

    with pytest.raises(NoText):
        await clips.ask(client, Task(model="m"), clip, Tries())


async def test_a_streamed_transcript(
    server: ScriptedServer, client: AsyncOpenAI, clip: Clip
) -> None:
    """A stream without its final text is requested again; the final text counts, not the deltas."""
    server.script.extend([stream(DELTA), stream(DELTA, DONE)])
    tries = Tries()

    answer = await clips.ask(client, Task(model="m", stream=True), clip, tries)

    assert (answer.text, tries) == ("turn on", Tries(streams=1))
    assert answer.first_token is not None


def test_length_of_a_clip(clip: Clip) -> None:
    """A clip's length is read from the file, in seconds."""
    assert seconds(clip.audio) == 2.0


def test_length_of_what_is_no_clip(clip: Clip) -> None:
    """A file that cannot be read has no duration, and none is guessed."""
    clip.audio.write_bytes(b"not audio")

    assert seconds(clip.audio) is None
