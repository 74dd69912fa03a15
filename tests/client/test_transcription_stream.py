"""Streamed transcriptions through the stock client."""

from typing import Any

import openai
import pytest

from tests.client.stock import answered, collected
from tests.live import CLIPS

CLIP = CLIPS / "en-01-espeak-en-us-f4.flac"
SAID = "turn on the kitchen fan"

LINES = b"Good morning.\nIt's five past nine.\n\n  Late again.  "
TEXT = "Good morning. It's five past nine.    Late again."


async def events(client: Any, *, model: str = "lines", file: Any = LINES, **options: Any) -> Any:
    """Return the events of a stream."""
    stream = await answered(
        client.audio.transcriptions.create(model=model, file=file, stream=True, **options)
    )
    return await collected(stream)


@pytest.mark.parametrize("options", [{}, {"response_format": "json"}, {"response_format": "text"}])
async def test_deltas_and_an_end(client: Any, options: dict[str, Any]) -> None:
    """A delta for each segment, then once the whole, which is what the deltas make up."""
    *deltas, done = await events(client, **options)

    assert [delta.type for delta in deltas] == ["transcript.text.delta"] * 4
    assert done.type == "transcript.text.done"
    assert "".join(delta.delta for delta in deltas) == done.text == TEXT


async def test_a_stream_is_the_answer_in_pieces(client: Any) -> None:
    """The same request without a stream has the same text."""
    whole = await answered(client.audio.transcriptions.create(model="lines", file=LINES))

    *_, done = await events(client)

    assert done.text == whole.text


async def test_usage(client: Any) -> None:
    """The end tells the tokens read, of the recording and of the prompt, and those written."""
    *_, done = await events(client, prompt="two words")

    usage = done.usage
    assert usage.type == "tokens"
    assert usage.input_token_details.text_tokens == 2
    assert usage.input_token_details.audio_tokens == 200
    assert usage.input_tokens == 202
    assert usage.output_tokens == len(b"".join(LINES.splitlines()))
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


async def test_log_probabilities(client: Any) -> None:
    """Asked for, each delta has its tokens', and the end has all of them."""
    *deltas, done = await events(client, include=["logprobs"])

    told = [token for delta in deltas for token in delta.logprobs]
    assert [token.token for token in told] == [token.token for token in done.logprobs]
    assert [token.bytes for token in told] == [list(token.token.encode()) for token in told]
    assert {token.logprob for token in told} == {-0.1}


async def test_no_log_probabilities_unasked(client: Any) -> None:
    """Not asked for, they are nowhere."""
    assert all(event.logprobs is None for event in await events(client))


async def test_a_real_recording(builtin: Any) -> None:
    """What is really said, and with what probability."""
    *deltas, done = await events(builtin, model="toy-speech", file=CLIP, include=["logprobs"])

    assert "".join(delta.delta for delta in deltas) == done.text == SAID
    assert "".join(token.token for token in done.logprobs).strip() == SAID
    assert all(token.logprob < 0 for token in done.logprobs)
    assert done.usage.output_tokens >= len(done.logprobs)


async def test_silence(builtin: Any) -> None:
    """A recording in which nothing is said has no delta, and an end without text."""
    options = {"chunking_strategy": {"type": "server_vad", "threshold": 1.0}}

    found = await events(builtin, model="toy-speech", file=CLIP, **options)

    assert [(event.type, event.text) for event in found] == [("transcript.text.done", "")]


async def test_a_refusal_comes_before_the_stream(client: Any) -> None:
    """What is no recording has its status, streamed or not."""
    with pytest.raises(openai.BadRequestError) as refused:
        await events(client, file=b"\xff\xfe")

    assert refused.value.code == "unsupported_format"


async def test_a_failure_in_mid_stream(client: Any) -> None:
    """An engine that dies half way is an error to the client, not an end."""
    with pytest.raises(openai.APIError, match="told to die here"):
        await events(client, model="dying-speech")
