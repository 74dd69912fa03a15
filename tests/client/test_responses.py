"""Responses through the stock client, which is told to check every type."""

from typing import Any

import openai
import pytest

from tests.client.forced import WEATHER
from tests.client.stock import answered, collected, first, iterated, opened

ITEM = ("output_item.added", "content_part.added")
TEXT = ("output_text.done", "content_part.done", "output_item.done")


def names(events: Any) -> list[str]:
    """Return what has happened, in order."""
    return [event.type.removeprefix("response.") for event in events]


def told(response: Any) -> list[dict[str, Any]]:
    """Return the items of an answer, without their ids."""
    return [{**item.to_dict(), "id": None} for item in response.output]


# ── the wire ──────────────────────────────────────────────────────────────────


async def test_a_whole_answer(client: Any) -> None:
    """An answer has its text, its usage, its request id, and what the request asked for."""
    response = await answered(
        client.responses.create(
            model="org/echo",
            instructions="be brief",
            input="one two three",
            metadata={"a": "b"},
            store=True,
        )
    )

    assert response.output_text == "one two three"
    assert response.status == "completed"
    assert (response.usage.input_tokens, response.usage.output_tokens) == (5, 3)
    assert (response.instructions, response.metadata) == ("be brief", {"a": "b"})
    assert not response.store
    assert response.id.startswith("resp_")
    assert response._request_id.startswith("req_")


async def test_a_cut_answer(client: Any) -> None:
    """An answer that reaches its limit is incomplete, and says why."""
    response = await answered(
        client.responses.create(model="org/echo", input="one two three", max_output_tokens=2)
    )

    assert response.output_text == "one two"
    assert response.status == "incomplete"
    assert response.incomplete_details.reason == "max_output_tokens"
    assert response.output[0].status == "incomplete"


async def test_a_stream(client: Any) -> None:
    """Events come as OpenAI sends them; the last one has the whole answer."""
    stream = await answered(client.responses.create(model="org/echo", input="one two", stream=True))

    events = await collected(stream)

    assert names(events) == [
        *("created", "in_progress", *ITEM),
        *("output_text.delta", "output_text.delta", *TEXT, "completed"),
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].response.output_text == "one two"


async def test_a_cut_stream(client: Any) -> None:
    """A stream that reaches its limit ends otherwise."""
    stream = await answered(
        client.responses.create(model="org/echo", input="a b", stream=True, max_output_tokens=1)
    )

    events = await collected(stream)

    assert names(events)[-1] == "incomplete"
    assert events[-1].response.status == "incomplete"


async def test_the_stream_helper(client: Any) -> None:
    """`.stream()` puts the pieces together to what the answer is in the end."""
    async with opened(client.responses.stream(model="org/echo", input="one two")) as stream:
        deltas = [e async for e in iterated(stream) if e.type == "response.output_text.delta"]
        final = await answered(stream.get_final_response())

    assert [delta.snapshot for delta in deltas] == ["one", "one two"]
    assert final.output_text == "one two"


async def test_raw_responses(client: Any) -> None:
    """The raw answer has the request's id, and parses to the same."""
    raw = await answered(
        client.responses.with_raw_response.create(model="org/echo", input="one two")
    )

    response = await answered(raw.parse())
    assert raw.headers["x-request-id"] == response._request_id
    assert response.output_text == "one two"


async def test_a_death(client: Any) -> None:
    """A failure in mid-stream is raised: nobody takes half an answer for a whole one."""
    stream = await answered(client.responses.create(model="dies", input="a b c d", stream=True))

    with pytest.raises(openai.APIError, match="told to die") as failure:
        await collected(stream)

    assert failure.value.code == "server_is_overloaded"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": "a " * 5000}, "input"),
        ({"input": "a", "text": {"format": {"type": "json_object"}}}, "text.format"),
        ({"input": "a", "reasoning": {"effort": "low"}}, "reasoning.effort"),
        ({"input": "a", "tools": [{"type": "function", **WEATHER}]}, "tools"),
        ({"input": "a", "tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"input": "a", "previous_response_id": "resp_1"}, "previous_response_id"),
    ],
)
async def test_refusals(client: Any, fields: dict[str, Any], param: str, stream: bool) -> None:  # noqa: FBT001
    """What cannot be answered is a 400 that names the field as the request does."""
    with pytest.raises(openai.BadRequestError) as refusal:
        await answered(client.responses.create(model="org/echo", stream=stream, **fields))

    assert refusal.value.param == param


async def test_failures_before_the_first_byte(client: Any) -> None:
    """Until the first byte a failure has its HTTP status."""
    for model, failure in (("dead", openai.InternalServerError), ("nope", openai.NotFoundError)):
        with pytest.raises(failure):
            await answered(client.responses.create(model=model, input="a", stream=True))


async def test_an_early_close(client: Any) -> None:
    """A stream may be closed in the middle; the model's only slot is free again."""
    stream = await answered(client.responses.create(model="one", input="a b c d", stream=True))
    await first(stream)

    await answered(stream.close())

    patient = client.with_options(max_retries=5)
    response = await answered(patient.responses.create(model="one", input="next"))
    assert response.output_text == "next"


async def test_strictness(client: Any) -> None:
    """In strict mode what nobody documents is refused by name."""
    with pytest.raises(openai.BadRequestError) as refusal:
        await answered(
            client.responses.create(
                model="org/echo",
                input="a",
                extra_body={"num_beems": 1},
                extra_headers={"x-shim-strict": "true"},
            )
        )

    assert refusal.value.param == "num_beems"


# ── real models ───────────────────────────────────────────────────────────────

SUM = {"model": "toy-chat", "input": "what is 2 + 2", "temperature": 0}


async def test_the_builtin_model(builtin: Any) -> None:
    """An answer is what chat's is, to messages as well as to a text."""
    part = {"type": "input_text", "text": "what is 2 + 2"}
    turns = [
        {"role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
        {"role": "user", "content": "What is 3 plus 4?"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "7"}]},
        {"role": "user", "content": [part]},
    ]

    for asked in (SUM, SUM | {"input": turns}):
        response = await answered(builtin.responses.create(**asked))
        stream = await answered(builtin.responses.create(**asked, stream=True))

        assert response.output_text == "4"
        assert told((await collected(stream))[-1].response) == told(response)


async def test_logprobs(builtin: Any) -> None:
    """Log probabilities are those of chat, whole and streamed."""
    messages = [{"role": "user", "content": SUM["input"]}]
    chat = await answered(
        builtin.chat.completions.create(
            model="toy-chat", messages=messages, temperature=0, logprobs=True, top_logprobs=2
        )
    )
    asked = {**SUM, "include": ["message.output_text.logprobs"], "top_logprobs": 2}

    response = await answered(builtin.responses.create(**asked))
    stream = await collected(await answered(builtin.responses.create(**asked, stream=True)))

    expected = [entry.to_dict() for entry in chat.choices[0].logprobs.content]
    for found in (response, stream[-1].response):
        assert [entry.to_dict() for entry in found.output[0].content[0].logprobs] == expected
