"""Requests of batches: answered by the application of the HTTP routes, under the batch's owner."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from shim.app import create_app
from shim.batches.line_request import AnswerCut, LineAnswer, LineApp, LineRequest
from shim.runtime import Runtime
from shim.settings import load

CHAT = "/v1/chat/completions"

SERVER = {
    "keys": [
        {"name": "ann", "key": "sk-ann", "models": ["m"], "requests_per_minute": 1},
        {"name": "bob", "key": "sk-bob"},
    ]
}


def settings(**server: Any) -> Any:
    """Return settings of a model that answers at once, and of one with one slot and no queue."""
    slow = {"id": "slow", "backend": "fake", "source": "chat", "max_running": 1, "max_waiting": 0}
    models = [
        {"id": "m", "backend": "fake", "source": "chat"},
        {**slow, "options": {"seconds_per_item": 3600}},
    ]
    return load(environment={}, flags={"server": server, "models": models})


@asynccontextmanager
async def serving(**server: Any) -> AsyncGenerator[tuple[Runtime, LineApp], None]:
    """Yield the runtime of an application, and what sends it requests of batches."""
    configured = settings(**server)
    runtime = Runtime(configured)
    async with runtime.running(configured) as models:
        runtime.line_app.use(create_app(configured, runtime, models).state.batch_lines)
        yield runtime, runtime.line_app


def request(
    *, model: str = "m", key: str | None = None, path: str = CHAT, **more: Any
) -> LineRequest:
    """Return a request of a batch that the holder of *key* made."""
    owner = "" if key is None else hashlib.sha256(key.encode()).hexdigest()
    chat = {"model": model, "messages": [{"role": "user", "content": "one two"}], **more}
    return LineRequest(batch="batch_1", owner=owner, path=path, body=msgspec.json.encode(chat))


def decoded(answer: LineAnswer) -> Any:
    """Return the body of *answer*."""
    return msgspec.json.decode(answer.body)


async def test_the_answer_is_that_of_http() -> None:
    """A request of a batch gets the answer that a client gets, apart from its id and time."""
    configured = settings()
    asked = request()
    async with serving() as (_, lines):
        answer = await lines.answer(asked)
    with TestClient(create_app(configured)) as client:
        over_http = client.post(CHAT, content=asked.body)

    assert answer.status == 200
    assert answer.request_id.startswith("req_")
    varying = {"id": None, "created": None}
    assert {**decoded(answer), **varying} == {**over_http.json(), **varying}


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        (request(model="unknown"), 404, "model_not_found"),
        (request(temperature="hot"), 400, None),
        (request(path="/v1/unknown"), 404, "unknown_url"),
    ],
)
async def test_errors_are_answers(asked: LineRequest, status: int, code: str | None) -> None:
    """What HTTP refuses is refused with its status and its body, also a wrong path."""
    async with serving() as (_, lines):
        answer = await lines.answer(asked)

    assert (answer.status, decoded(answer)["error"]["code"]) == (status, code)


async def test_the_owner_decides() -> None:
    """A request finds the models of its owner's key, and none if the key is no longer valid."""
    async with serving(**SERVER) as (_, lines):
        allowed = await lines.answer(request(key="sk-ann"))
        hidden = await lines.answer(request(key="sk-ann", model="slow"))
        removed = await lines.answer(request(key="sk-removed"))
        keyless = await lines.answer(request())

    assert [a.status for a in (allowed, hidden, removed, keyless)] == [200, 404, 401, 401]


async def test_a_key_is_not_charged() -> None:
    """Requests of a batch do not count in the rate limits of its owner."""
    async with serving(**SERVER) as (_, lines):
        answers = [await lines.answer(request(key="sk-ann")) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 200]


def test_no_client_can_pretend() -> None:
    """Headers with the names of a batch's marks do not let a client in."""
    with TestClient(create_app(settings(**SERVER))) as client:
        headers = {"shim.batch_line": "batch_1", "shim-batch-line": "batch_1"}
        answer = client.post(CHAT, content=request().body, headers=headers)

    assert answer.status_code == 401


async def test_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The log has a line for the request, with its batch; metrics count it, but not as HTTP's.

    How long it waited does not count: no client waits as long.
    """
    with caplog.at_level(logging.INFO, "shim.requests"):
        async with serving(**SERVER) as (runtime, lines):
            answer = await lines.answer(request(key="sk-bob"))

    (record,) = caplog.records
    assert isinstance(record.args, dict)
    logged = {name: record.args[name] for name in ("batch", "key", "model", "request_id")}
    assert logged == {
        "batch": "batch_1",
        "key": "bob",
        "model": "m",
        "request_id": answer.request_id,
    }
    metrics = runtime.metrics.text().decode()
    assert 'shim_http_requests_total{path="/v1/chat' not in metrics
    assert 'shim_requests_total{model="m",route="chat",status="200"} 1.0' in metrics
    assert 'shim_queue_seconds_count{model="m"} 0.0' in metrics


async def test_cancelling_ends_the_work() -> None:
    """A request that is cancelled gives its slot back, and is counted as closed early."""
    async with serving() as (runtime, lines):
        running = asyncio.create_task(lines.answer(request(model="slow")))
        await metric(runtime, 'shim_requests_running{model="slow"} 1.0')

        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        await metric(runtime, 'shim_requests_running{model="slow"} 0.0')
        await metric(runtime, 'shim_requests_total{model="slow",route="chat",status="499"} 1.0')
        assert not lines.tasks


async def test_a_full_queue_waits() -> None:
    """Where a client is refused because the queue is full, a request of a batch waits."""
    async with serving() as (runtime, lines):
        tasks = [asyncio.create_task(lines.answer(request(model="slow"))) for _ in range(3)]
        await metric(runtime, 'shim_batch_requests_waiting{model="slow"} 2.0')

        assert 'shim_requests_waiting{model="slow"} 0.0' in runtime.metrics.text().decode()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def metric(runtime: Runtime, line: str) -> None:
    """Wait until the metrics have that line."""
    async with asyncio.timeout(10):
        while line not in runtime.metrics.text().decode():  # noqa: ASYNC110  it has no event
            await asyncio.sleep(0)


async def test_a_new_application_gets_new_requests() -> None:
    """A request goes to the application that is in use when it begins, and waits for the first."""
    lines = LineApp()
    waiting = asyncio.create_task(lines.answer(request()))
    await asyncio.sleep(0)
    lines.use(answering(201))
    first = await waiting
    lines.use(answering(202))

    assert (first.status, (await lines.answer(request())).status) == (201, 202)


async def test_a_cut_answer_is_a_failure() -> None:
    """An application that ends before its answer does has not answered."""
    lines = LineApp()
    lines.use(answering(200, more_body=True))

    with pytest.raises(AnswerCut):
        await lines.answer(request())


def answering(status: int, *, more_body: bool = False) -> Any:
    """Return an application that answers with *status*, and not in full if there is *more_body*."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"{}", "more_body": more_body})

    return app
