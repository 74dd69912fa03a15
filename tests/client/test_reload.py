"""A changed configuration: by SIGHUP and by the admin port, all of it or nothing."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.client.stock import says
from tests.live import LiveServer, serving

ADMIN_KEY = "sk-admin"
HEAD = f"""
[server]
api_keys = ["{{key}}"]
admin_port = {{admin}}
admin_key = "{ADMIN_KEY}"
"""
MODEL = """
[[models]]
id = "{id}"
backend = "fake"
source = "chat"
aliases = ["{alias}"]
max_running = {running}
options = {{ seconds_per_item = {seconds} }}
"""


class Reloading:
    """A server, the file of its configuration, and clients."""

    def __init__(self, server: LiveServer, file: Path, admin: int) -> None:
        self.server = server
        self.file = file
        self.admin = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{admin}",
            headers={"authorization": f"Bearer {ADMIN_KEY}"},
        )
        self._admin_port = admin

    def write(self, *models: str, key: str = "one") -> None:
        """Change the file."""
        head = HEAD.format(key=key, admin=self._admin_port)
        self.file.write_text("".join((head, *models)))

    async def reload(self) -> dict[str, Any]:
        """Return the answer of the admin port."""
        answer: dict[str, Any] = (await self.admin.post("/admin/reload")).json()
        return answer

    async def measured(self, name: str, value: int | None) -> None:
        """Wait until a metric of the model `echo` has that value; None: until it is not there."""
        headers = {"authorization": "Bearer one"}
        line = f'{name}{{model="echo"}} '
        async with httpx.AsyncClient(headers=headers) as client, asyncio.timeout(20):
            while True:
                text = (await client.get(f"{self.server.url}/metrics")).text
                if line not in text if value is None else f"{line}{value}.0\n" in text:
                    return

    def client(self, key: str = "one", **options: Any) -> openai.AsyncOpenAI:
        """Return the stock client with *key*."""
        return openai.AsyncOpenAI(base_url=self.server.base_url, api_key=key, timeout=60, **options)


def model(id: str = "echo", alias: str = "a", running: int = 64, seconds: float = 0) -> str:  # noqa: A002
    """Return the table of a fake model."""
    return MODEL.format(id=id, alias=alias, running=running, seconds=seconds)


@pytest.fixture
async def reloading(tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[Reloading]:
    """Serve one fake model, `echo`, with the alias `a`."""
    file = tmp_path / "shim.toml"
    head = HEAD.format(key="one", admin=unused_tcp_port)
    file.write_text(head + model())
    batches = str(tmp_path / "batches")
    with serving("--config", str(file), SHIM_BATCHES_DIRECTORY=batches) as server:
        served = Reloading(server, file, unused_tcp_port)
        yield served
        await served.admin.aclose()


@asynccontextmanager
async def streamed(client: openai.AsyncOpenAI, name: str, words: int) -> AsyncIterator[Any]:
    """Yield a stream of so many words whose first event has come."""
    stream = await client.chat.completions.create(
        model=name, messages=says("word " * words), stream=True
    )
    await anext(aiter(stream))
    yield stream


async def names(client: openai.AsyncOpenAI) -> list[str]:
    """Return all names that are served."""
    return [card.id async for card in client.models.list()]


async def test_aliases_and_keys_change_at_once(reloading: Reloading) -> None:
    """New requests have the new aliases and keys; the engine and its queue are kept."""
    reloading.write(model(alias="b"), key="two")

    done = await reloading.reload()

    assert done == {"models": ["echo"], "opened": [], "closing": []}
    async with reloading.client("two") as new, reloading.client("one") as old:
        assert await names(new) == ["echo", "b"]
        with pytest.raises(openai.AuthenticationError):
            await old.models.list()


async def test_a_request_ends_where_it_began(reloading: Reloading) -> None:
    """A stream of a model that is replaced ends in the old engine, which is closed after it."""
    reloading.write(model(seconds=0.05))
    await reloading.reload()
    async with reloading.client() as client, streamed(client, "a", 20) as stream:
        reloading.write(model("other", alias="a"))

        done = await reloading.reload()
        answer = await client.chat.completions.create(model="a", messages=says("two words"))
        events = [event async for event in stream]

    assert done == {"models": ["other"], "opened": ["other"], "closing": ["echo"]}
    assert answer.model == "a"
    assert len(events) >= 20
    assert events[-1].choices[0].finish_reason == "stop"


async def test_a_line_of_a_batch_ends_where_it_began(reloading: Reloading) -> None:
    """A model that is replaced stays open as long as a line of a batch runs in it."""
    reloading.write(model(seconds=3600))
    await reloading.reload()
    line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions"}
    content = json.dumps({**line, "body": {"model": "a", "messages": says("word")}}).encode()
    async with reloading.client() as client:
        file = await client.files.create(file=content, purpose="batch")
        batch = await client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        await reloading.measured("shim_requests_running", 1)
        reloading.write(model("other", alias="a"))

        done = await reloading.reload()

        assert done["closing"] == ["echo"]
        await reloading.measured("shim_requests_running", 1)
        await client.batches.cancel(batch.id)
        await reloading.measured("shim_requests_running", None)


WRONG = {
    "[server": "Cannot declare",
    model(running=0): "Expected int >= 1",
    'host = "localhost"\n': "It cannot change while the server runs",
    model() + "[batches]\nmax_lines = 7\n": "restart it - at $.batches",
    model() + model(): "used twice",
    model("new").replace("options = {", "options = { fails_self_test = true,"): "self-test",
    '[[models]]\nid = "x"\nbackend = "ct2"\nsource = "/nowhere"\n': "no directory",
}
"""Wrong ends of a file, each with words of the reason."""


async def test_a_wrong_file_changes_nothing(reloading: Reloading) -> None:
    """The reason is in the answer, and the old configuration is served."""
    for text, reason in WRONG.items():
        reloading.write(text, key="two")

        refused = await reloading.reload()

        assert reason in refused["error"]["message"]
        assert refused["error"]["code"] == "not_reloaded"
    async with reloading.client("one") as client:
        assert await names(client) == ["echo", "a"]
        await client.chat.completions.create(model="a", messages=says("hello"))


async def test_the_admin_port_needs_its_key(reloading: Reloading) -> None:
    """The keys of the API do not open it, and the API has no such route."""
    headers = {"authorization": "Bearer one"}
    async with httpx.AsyncClient(headers=headers) as http:
        refused = await http.post(f"{reloading.admin.base_url}/admin/reload")
        unknown = await http.post(f"{reloading.server.url}/admin/reload")

    assert (refused.status_code, unknown.status_code) == (401, 404)


async def test_a_hangup_reloads(reloading: Reloading) -> None:
    """SIGHUP does the same; after a wrong file, which is counted, the server goes on."""
    refused = 'shim_reloads_total{result="refused"} 1.0'
    headers = {"authorization": "Bearer one"}
    async with (
        reloading.client() as client,
        httpx.AsyncClient(base_url=reloading.server.url, headers=headers) as http,
    ):
        reloading.write(model(alias="b"))
        reloading.server.process.send_signal(signal.SIGHUP)
        while await names(client) != ["echo", "b"]:
            pass
        reloading.write("[server")
        reloading.server.process.send_signal(signal.SIGHUP)
        while refused not in (await http.get("/metrics")).text:
            pass
        assert await names(client) == ["echo", "b"]


TURNS, CONFIGURATIONS = 6, 3


def configuration(number: int) -> tuple[str, str]:
    """Return a model, and keys, of which each name and limit is of this configuration alone.

    Beside these it has the alias `a` and the key `one`, as all have.
    """
    table = model(f"engine-{number}", alias=f'a", "only-{number}', seconds=0.002)
    limited = table.replace("options = {", f"options = {{ max_model_len = {100 + number},")
    return limited, f'one", "key-{number}'


async def outcome(client: openai.AsyncOpenAI, name: str, words: int, *, stream: bool) -> str:
    """Return the fingerprint of a right answer, or the status and the message of a refusal.

    All events of a stream have to have the same fingerprint and model.
    """
    said = says("word " * words)
    create = client.chat.completions.create
    try:
        if stream:
            events = [part async for part in await create(model=name, messages=said, stream=True)]
        else:
            events = [await create(model=name, messages=said)]
    except openai.APIStatusError as error:
        return f"{error.status_code} {error.message}"
    pieces = [c.delta.content if stream else c.message.content for e in events for c in e.choices]
    assert "".join(piece or "" for piece in pieces) == ("word " * words).strip()
    [(fingerprint, model_name)] = {(event.system_fingerprint, event.model) for event in events}
    assert model_name == name
    return str(fingerprint)


async def test_reloads_under_load(reloading: Reloading) -> None:
    """While keys, aliases, limits and engines change, all of a request is of one configuration.

    A key of one configuration never opens an alias of another; an alias is always answered by the
    same engine, within its own limit; what all configurations have is always answered.
    """
    seen: dict[tuple[int, int], set[str]] = {}
    limits: dict[int, set[str]] = {}
    common: set[str] = set()
    batch_ended = asyncio.Event()

    async def changed() -> None:
        for turn in range(TURNS):
            table, key = configuration(turn % CONFIGURATIONS)
            reloading.write(table, key=key)
            assert (await reloading.reload())["models"] == [f"engine-{turn % CONFIGURATIONS}"]
            for _ in range(2):  # the second one has begun after the reload
                batch_ended.clear()
                await batch_ended.wait()

    async with reloading.client(max_retries=3) as client:
        clients = [client.with_options(api_key=f"key-{at}") for at in range(CONFIGURATIONS)]

        async def pair(key: int, name: int) -> None:
            words, stream = 1 + key + name, bool(name % 2)
            answer = await outcome(clients[key], f"only-{name}", words, stream=stream)
            seen.setdefault((key, name), set()).add(answer[:3] if " " in answer else answer)

        async def too_long(number: int) -> None:
            answer = await outcome(clients[number], f"only-{number}", 200, stream=False)
            limits.setdefault(number, set()).add(answer)

        async def shared(number: int) -> None:
            common.add(await outcome(client, "a", 1 + number % 7, stream=bool(number % 2)))

        changing = asyncio.create_task(changed())
        every = range(CONFIGURATIONS)
        while not changing.done():
            pairs = [pair(key, name) for key in every for name in every]
            await asyncio.gather(*pairs, *map(too_long, every), *map(shared, range(20)))
            batch_ended.set()
        await changing

    engines = [seen[at, at] - {"401", "404"} for at in every]
    assert [len(engine) for engine in engines] == [1] * CONFIGURATIONS
    assert len(set.union(*engines)) == CONFIGURATIONS
    for (key, name), answers in seen.items():
        assert key == name or answers <= {"401", "404"}
    for number, answers in limits.items():
        [refusal] = {answer for answer in answers if answer.startswith("400")}
        assert f"maximum context length is {100 + number} tokens" in refusal
    assert set.union(*engines) <= common
    assert not {answer for answer in common if " " in answer}
