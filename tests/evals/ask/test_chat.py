"""Dialogues: the request, the answers that count, and streams that are cut."""

import json
from typing import Any

import msgspec
import openai
import pytest
from openai import AsyncOpenAI

from evals.ask import chat
from evals.ask.retries import Tries
from evals.ask.task import Task
from evals.dataset import Dialogue
from evals.failures import NoText, NotStreamed, StreamCut
from evals.result import Answer, ToolCall
from tests.evals.scripted_server import (
    Reply,
    ScriptedServer,
    chunk,
    completion,
    stream,
    usage_chunk,
)

WHOLE = stream(chunk(""), chunk("4"), chunk("2"), chunk(reason="stop"), usage_chunk(2))
HALF = stream(chunk("4"), done=False, cut=True)
STREAMED = Task(model="m", stream=True)


async def ask(client: AsyncOpenAI, dialogue: Dialogue, task: Task = STREAMED) -> Answer:
    """Send the sample once, and ignore the count of tries."""
    return await chat.ask(client, task, dialogue, Tries())


def call(index: int, name: str | None, arguments: str | None) -> dict[str, Any]:
    """Return a call, or a piece of one."""
    return {"index": index, "function": {"name": name, "arguments": arguments}}


def called(*calls: dict[str, Any], text: str | None = None) -> Reply:
    """Return a whole completion with these calls."""
    whole = json.loads(completion(text, reason="tool_calls").body)
    whole["choices"][0]["message"]["tool_calls"] = [one | {"type": "function"} for one in calls]
    return Reply(body=json.dumps(whole).encode())


def test_nothing_is_sent_unasked(dialogue: Dialogue) -> None:
    """A request holds the model, the messages and temperature 0, nothing else."""
    body = chat.body(Task(model="m"), dialogue)

    assert body == {"model": "m", "messages": dialogue.messages, "temperature": 0.0}


async def test_everything_asked_is_sent(
    server: ScriptedServer, client: AsyncOpenAI, dialogue: Dialogue
) -> None:
    """Prompt, limit, seed and extra fields reach the server; a temperature of None does not."""
    task = Task(
        model="m", prompt="Sum.", temperature=None, max_tokens=5, seed=1, extra={"top_k": 1}
    )

    await ask(client, dialogue, task)

    assert server.requests[0].json == {
        "model": "m",
        "messages": [{"role": "system", "content": "Sum."}, {"role": "user", "content": "2+2="}],
        "max_tokens": 5,
        "seed": 1,
        "top_k": 1,
    }


def test_the_samples_own_fields(dialogue: Dialogue) -> None:
    """What a line says of its answer overrides the run's flags, and `--extra` overrides both."""
    own = msgspec.structs.replace(dialogue, fields={"max_tokens": 5, "stop": "\n"})

    body = chat.body(Task(model="m", max_tokens=9, extra={"stop": "."}), own)

    assert (body["max_tokens"], body["stop"]) == (5, "\n")
    assert body["extra_body"] == {"stop": "."}


def pieces(*calls: dict[str, Any]) -> dict[str, Any]:
    """Return a chunk with these pieces of calls."""
    part = chunk()
    part["choices"][0]["delta"]["tool_calls"] = list(calls)
    return part


@pytest.mark.parametrize(
    "reply",
    [
        called(call(0, "add", '{"a": 1}'), call(1, "now", "{}")),
        stream(
            chunk(),
            pieces(call(0, "add", "")),
            pieces(call(0, None, '{"a"'), call(1, "now", "{}")),
            pieces(call(0, None, ": 1}")),
            chunk(reason="tool_calls"),
        ),
    ],
    ids=["whole", "stream"],
)
async def test_calls_are_an_answer(
    reply: Reply, server: ScriptedServer, client: AsyncOpenAI, dialogue: Dialogue
) -> None:
    """Where a sample has tools, calls without a text are one; a stream's pieces are joined."""
    tools = msgspec.structs.replace(dialogue, fields={"tools": [{"type": "function"}]})
    server.script.append(reply)

    answer = await ask(client, tools, Task(model="m", stream=reply.kind == "text/event-stream"))

    assert answer.tool_calls == [
        ToolCall(name="add", arguments='{"a": 1}'),
        ToolCall(name="now", arguments="{}"),
    ]
    assert (answer.text, answer.finish_reason) == ("", "tool_calls")
    assert server.requests[0].json["tools"] == [{"type": "function"}]


async def test_a_text_where_a_call_was_possible(
    server: ScriptedServer, client: AsyncOpenAI, dialogue: Dialogue
) -> None:
    """It is an answer too; neither of both is a failure."""
    tools = msgspec.structs.replace(dialogue, fields={"tools": [{"type": "function"}]})
    server.script.extend([completion("4"), completion(None)])

    answer = await ask(client, tools, Task(model="m"))

    assert (answer.text, answer.tool_calls) == ("4", None)
    with pytest.raises(NoText):
        await ask(client, tools, Task(model="m"))


async def test_a_whole_answer(client: AsyncOpenAI, dialogue: Dialogue) -> None:
    """Text, model, finish_reason, usage and request id are kept."""
    answer = await ask(client, dialogue, Task(model="m"))

    assert answer == Answer(
        text="4",
        model="served",
        finish_reason="stop",
        prompt_tokens=3,
        completion_tokens=2,
        request_id="req-1",
    )


async def test_missing_usage_stays_unknown(
    server: ScriptedServer, client: AsyncOpenAI, dialogue: Dialogue
) -> None:
    """Tokens that the server does not count stay uncounted."""
    server.script.append(completion("4", usage=False))

    answer = await ask(client, dialogue, Task(model="m"))

    assert answer.completion_tokens is None


@pytest.mark.parametrize(
    "reply",
    [
        completion(None, reason="tool_calls"),
        called(call(0, "add", "{}")),
        Reply(body=b"{}"),
        Reply(body=b'{"choices": []}'),
        Reply(body=b"<html>", kind="text/html"),
    ],
)
async def test_no_text_is_a_failure(
    reply: Reply, server: ScriptedServer, client: AsyncOpenAI, dialogue: Dialogue
) -> None:
    """Null content, or an answer that is not a completion, does not count as an empty text."""
    server.script.append(reply)

    with pytest.raises(NoText):
        await ask(client, dialogue, Task(model="m"))


async def test_an_empty_text_is_an_answer(
    server: ScriptedServer, client: AsyncOpenAI, dialogue: Dialogue
) -> None:
    """An empty text is an answer."""
    server.script.append(completion(""))

    assert (await ask(client, dialogue, Task(model="m"))).text == ""


async def test_a_whole_stream(
    server: ScriptedServer, client: AsyncOpenAI, dialogue: Dialogue
) -> None:
    """The deltas make the text; usage and the time of the first text are kept."""
    server.script.append(WHOLE)

    answer = await ask(client, dialogue)

    assert (answer.text, answer.finish_reason, answer.completion_tokens) == ("42", "stop", 2)
    assert answer.first_token is not None
    assert server.requests[0].json["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    "cut",
    [
        HALF,
        stream(chunk("4"), done=False),
        stream(chunk("4")),
        stream(chunk("4"), {"error": {"message": "engine died", "type": "server_error"}}),
        Reply(body=b'data: {"id": "c", "cho\n\n', kind="text/event-stream"),
    ],
    ids=["connection", "end", "done", "error", "half an event"],
)
async def test_a_cut_stream_is_asked_again_whole(
    cut: Reply, server: ScriptedServer, client: AsyncOpenAI, dialogue: Dialogue
) -> None:
    """A stream that ends early is requested again from its beginning, and the retry is counted."""
    server.script.extend([cut, WHOLE])
    tries = Tries()

    answer = await chat.ask(client, STREAMED, dialogue, tries)

    assert (answer.text, tries) == ("42", Tries(streams=1))


async def test_streams_are_not_asked_for_ever(
    server: ScriptedServer, client: AsyncOpenAI, dialogue: Dialogue
) -> None:
    """After the last retry the cut is raised, with its cause."""
    server.otherwise = lambda _: HALF

    with pytest.raises(StreamCut, match="Connection error"):
        await ask(client.with_options(max_retries=1), dialogue)

    assert len(server.requests) == 2


async def test_blame_is_not_asked_again(
    server: ScriptedServer, client: AsyncOpenAI, dialogue: Dialogue
) -> None:
    """An error in the stream that blames the request would come again: it is raised at once."""
    blame = {"error": {"message": "bad", "type": "invalid_request_error"}}
    server.script.append(stream(chunk("4"), blame))

    with pytest.raises(openai.APIError, match="bad"):
        await ask(client, dialogue)

    assert len(server.requests) == 1


async def test_a_stream_without_text_is_a_failure(
    server: ScriptedServer, client: AsyncOpenAI, dialogue: Dialogue
) -> None:
    """A stream that ends well but never had content is not an empty answer."""
    server.script.append(stream(chunk(reason="tool_calls")))

    with pytest.raises(NoText, match="tool_calls"):
        await ask(client, dialogue)


async def test_no_stream_where_one_was_asked_for(client: AsyncOpenAI, dialogue: Dialogue) -> None:
    """A server that ignores `stream` has another error than one that cuts the stream."""
    with pytest.raises(NotStreamed, match="application/json"):
        await ask(client, dialogue)
