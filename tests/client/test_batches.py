"""The stock client's batches: every endpoint, wrong files, pages, cancelling, keys, kills."""

import asyncio
import base64
import json
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.client.stock import KINDS, answered, connect
from tests.live import CLIPS, FAKE_VECTORS, KEY, TOY_CHAT, TOY_SPEECH, LiveServer, serving

OTHER_KEY = "sk-other"
CHAT = "/v1/chat/completions"

CONFIG = f"""
[server]
strict = true
api_keys = ["{KEY}", "{OTHER_KEY}"]
[server.limits]
refusal_delay_seconds = 0
[batches]
directory = "DIRECTORY"
max_lines = 1000
[[models]]
id = "echo"
backend = "fake"
source = "chat"
[[models]]
id = "slow"
backend = "fake"
source = "chat"
max_running = 2
options = {{ seconds_per_item = 0.02 }}
[[models]]
id = "stuck"
backend = "fake"
source = "chat"
options = {{ seconds_per_item = 3600 }}
"""
ENGINES = f"{TOY_CHAT}{TOY_SPEECH}{FAKE_VECTORS}"


def configured(folder: Path, *models: str) -> Path:
    """Write a configuration with batches in *folder*, and further *models*."""
    file = folder / "shim.toml"
    file.write_text(CONFIG.replace("DIRECTORY", str(folder / "batches")) + "".join(models))
    return file


@pytest.fixture(scope="module")
def batching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve batches, in strict mode and with two keys."""
    config = configured(tmp_path_factory.mktemp("batches"), ENGINES)
    with serving("--config", str(config)) as live:
        yield live


@pytest.fixture(params=KINDS)
async def either(request: pytest.FixtureRequest, batching: LiveServer) -> AsyncIterator[Any]:
    """Return either client."""
    client = connect(request.param, batching)
    yield client
    await answered(client.close())


@pytest.fixture
def client(batching: LiveServer) -> Iterator[Any]:
    """Return the synchronous client."""
    with connect("sync", batching) as connected:
        yield connected


def chat(words: str, *, model: str = "echo", **more: Any) -> dict[str, Any]:
    """Return the body of a chat."""
    return {"model": model, "messages": [{"role": "user", "content": words}], **more}


def jsonl(bodies: list[Any], url: str = CHAT) -> bytes:
    """Return an input file, whose ids are the indexes of *bodies*."""
    return b"".join(
        json.dumps({"custom_id": str(n), "method": "POST", "url": url, "body": body}).encode()
        + b"\n"
        for n, body in enumerate(bodies)
    )


async def begin(client: Any, content: bytes, endpoint: str = CHAT, **more: Any) -> Any:
    """Upload *content* and make a batch of it."""
    file = await answered(client.files.create(file=content, purpose="batch"))
    return await answered(
        client.batches.create(
            input_file_id=file.id, endpoint=endpoint, completion_window="24h", **more
        )
    )


FINAL = ("completed", "failed", "expired", "cancelled")


async def reached(client: Any, batch: Any, done: Callable[[Any], bool] | None = None) -> Any:
    """Return *batch* once it is final, or *done* says that it is as it should be."""
    deadline = time.monotonic() + 60
    while True:
        batch = await answered(client.batches.retrieve(batch.id))
        if batch.status in FINAL or (done is not None and done(batch)):
            return batch
        assert time.monotonic() < deadline, batch
        await asyncio.sleep(0.02)


def has_completed(count: int) -> Callable[[Any], bool]:
    """Return whether *count* lines of a batch have been answered, as a function of the batch."""
    return lambda batch: batch.request_counts and batch.request_counts.completed >= count


async def lines(client: Any, file: str | None) -> list[Any]:
    """Return the lines of a file of results; none of a file that is not there."""
    if file is None:
        return []
    content = await answered(client.files.content(file))
    return [json.loads(line) for line in content.read().splitlines()]


async def test_the_life_of_a_batch(either: Any) -> None:
    """A batch is described as OpenAI does it, and each line has its result in one of two files."""
    bodies = [chat("one two"), chat("x", model="nobody"), chat("three"), chat("x", n=0)]

    begun = await begin(either, jsonl(bodies), metadata={"run": "7"})
    batch = await reached(either, begun)
    output = await lines(either, batch.output_file_id)
    errors = await lines(either, batch.error_file_id)

    assert begun.status == "validating"
    assert begun.metadata == {"run": "7"}
    assert begun.expires_at == begun.created_at + 24 * 3600
    assert batch.status == "completed"
    assert batch.request_counts.model_dump() == {"total": 4, "completed": 2, "failed": 2}
    assert batch.usage.input_tokens == batch.usage.output_tokens == 3
    assert batch.model is None
    assert begun.created_at <= batch.in_progress_at <= batch.finalizing_at <= batch.completed_at
    assert [line["custom_id"] for line in output] == ["0", "2"]
    answers = [line["response"]["body"]["choices"][0]["message"]["content"] for line in output]
    assert answers == ["one two", "three"]
    assert [(e["custom_id"], e["response"]["status_code"]) for e in errors] == [
        ("1", 404),
        ("3", 400),
    ]
    assert errors[0]["response"]["body"]["error"]["code"] == "model_not_found"
    assert {line["error"] for line in (*output, *errors)} == {None}


def speech() -> list[Any]:
    """Return bodies of transcriptions: one of JSON, one of subtitles."""
    clip = base64.b64encode(min(CLIPS.glob("*.*")).read_bytes()).decode()
    return [
        {"model": "toy", "file": clip},
        {"model": "toy", "file": clip, "response_format": "srt"},
    ]


@pytest.mark.parametrize(
    ("endpoint", "bodies", "answer"),
    [
        (CHAT, [chat("2+2", model="toy-chat", max_tokens=4)], "choices"),
        ("/v1/completions", [{"model": "toy-chat", "prompt": "a", "max_tokens": 2}], "choices"),
        ("/v1/responses", [{"model": "echo", "input": "a b"}], "output"),
        ("/v1/embeddings", [{"model": "vectors", "input": ["a", "b"]}], "data"),
        ("/v1/audio/transcriptions", speech(), "text"),
        ("/v1/audio/translations", speech()[:1], "text"),
    ],
)
async def test_every_endpoint(client: Any, endpoint: str, bodies: list[Any], answer: str) -> None:
    """A line is answered with what its route answers; subtitles are a string."""
    batch = await reached(client, await begin(client, jsonl(bodies, endpoint), endpoint))
    output = await lines(client, batch.output_file_id)

    assert batch.error_file_id is None, await lines(client, batch.error_file_id)
    assert [line["custom_id"] for line in output] == [str(n) for n in range(len(bodies))]
    assert answer in output[0]["response"]["body"]
    assert all(isinstance(line["response"]["body"], str) for line in output[1:])
    assert batch.model == bodies[0]["model"]


async def test_clips_are_named_by_their_ids(client: Any) -> None:
    """A line may name an uploaded recording; one that is unknown fails alone."""
    clip = client.files.create(file=min(CLIPS.glob("*.*")), purpose="user_data")
    bodies = [{"model": "toy", "file_id": id_} for id_ in (clip.id, "file-0", clip.id)]
    url = "/v1/audio/transcriptions"

    batch = await reached(client, await begin(client, jsonl(bodies, url), url))
    output = await lines(client, batch.output_file_id)
    errors = await lines(client, batch.error_file_id)

    assert [line["custom_id"] for line in output] == ["0", "2"]
    assert output[0]["response"]["body"]["text"] == output[1]["response"]["body"]["text"] != ""
    assert [line["response"]["status_code"] for line in errors] == [404]


async def test_a_wrong_file_fails_with_all_its_faults(client: Any) -> None:
    """A file with faults runs no line, and each fault is named with its line."""
    bodies = [chat("a"), chat("b", stream=True), {}, chat("c")]

    batch = await reached(client, await begin(client, jsonl(bodies)))

    assert batch.status == "failed"
    assert batch.request_counts is None
    assert [(e.line, e.code, e.param) for e in batch.errors.data] == [
        (2, "unsupported_parameter", "body.stream"),
        (3, "missing_required_parameter", "body.model"),
    ]
    assert batch.output_file_id is batch.error_file_id is None


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        ({"endpoint": "/v1/images/edits"}, "endpoint"),
        ({"completion_window": "25x"}, "completion_window"),
        ({"completion_window": "31d"}, "completion_window"),
        ({"metadata": {"k": "v" * 513}}, "metadata[...]"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 60}}, None),
        ({"input_file_id": "file-none"}, "id"),
    ],
)
async def test_a_wrong_request_is_refused(
    client: Any, changed: dict[str, Any], param: str | None
) -> None:
    """A batch that could not run is refused at once, and the parameter is named."""
    file = client.files.create(file=jsonl([chat("a")]), purpose="batch")
    given = {"input_file_id": file.id, "endpoint": CHAT, "completion_window": "24h", **changed}

    with pytest.raises(openai.APIStatusError) as refused:
        client.batches.create(**given)

    assert refused.value.status_code in (400, 404)
    assert param is None or refused.value.param == param


async def test_a_file_of_another_purpose_is_refused(client: Any) -> None:
    """Only a file for batches is the input of one."""
    file = client.files.create(file=b"x", purpose="user_data")

    with pytest.raises(openai.BadRequestError, match="user_data"):
        client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")


async def test_a_cancelled_batch_has_its_answers(client: Any) -> None:
    """Cancelling ends what is in flight; what was answered is kept, the rest are error lines."""
    bodies = [*(chat("a") for _ in range(3)), *(chat("b", model="stuck") for _ in range(3))]
    begun = await begin(client, jsonl(bodies))
    await reached(client, begun, has_completed(3))

    cancelling = client.batches.cancel(begun.id)
    batch = await reached(client, begun)
    again = client.batches.cancel(begun.id)
    errors = await lines(client, batch.error_file_id)

    assert cancelling.status == "cancelling"
    assert (batch.status, again.status) == ("cancelled", "cancelled")
    assert batch.request_counts.model_dump() == {"total": 6, "completed": 3, "failed": 0}
    assert len(await lines(client, batch.output_file_id)) == 3
    assert [(e["custom_id"], e["error"]["code"], e["response"]) for e in errors] == [
        (str(n), "batch_cancelled", None) for n in (3, 4, 5)
    ]


async def test_an_ended_batch_cannot_be_cancelled(client: Any) -> None:
    """That is refused with its state, by a status that the client does not retry."""
    batch = await reached(client, await begin(client, jsonl([chat("a")])))

    with pytest.raises(openai.BadRequestError, match="completed"):
        client.batches.cancel(batch.id)


async def test_a_deleted_input_does_not_end_a_batch(client: Any) -> None:
    """The input file can be deleted as soon as the batch is there."""
    file = client.files.create(file=jsonl([chat("a b c", model="slow")] * 8), purpose="batch")
    begun = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="1h")
    client.files.delete(file.id)

    batch = await reached(client, begun)

    assert batch.request_counts.completed == 8


async def test_a_repeated_request_is_one_batch(batching: LiveServer) -> None:
    """The client's own retry finds the batch that was made; an equal request makes another."""
    retry = {"x-stainless-retry-count": "1"}
    with connect("sync", batching) as client:
        file = client.files.create(file=jsonl([chat("a")]), purpose="batch")
        given = {"input_file_id": file.id, "endpoint": CHAT, "completion_window": "24h"}

        first = client.batches.create(**given)
        repeated = client.batches.create(**given, extra_headers=retry)
        other = client.batches.create(**given, metadata={"a": "b"}, extra_headers=retry)
        second = client.batches.create(**given)

    assert repeated.id == first.id
    assert len({first.id, other.id, second.id}) == 3


async def test_pages_of_a_key(either: Any, batching: LiveServer) -> None:
    """Pages hold a key's batches, the newest first, to the end; another key does not see them."""
    begun = [await begin(either, jsonl([chat("a")])) for _ in range(5)]
    page = await answered(either.batches.list(limit=2))
    ids = [page.data[0].id, page.data[1].id]
    while page.has_next_page():
        page = await answered(page.get_next_page())
        ids += [batch.id for batch in page.data]
    with connect("sync", batching, api_key=OTHER_KEY) as other:
        found = other.batches.list().data
        with pytest.raises(openai.NotFoundError) as hidden:
            other.batches.cancel(begun[0].id)

    assert ids[:5] == [batch.id for batch in reversed(begun)]
    assert len(ids) == len(set(ids))
    assert found == []
    assert hidden.value.code == "batch_not_found"


@pytest.mark.parametrize(
    "ends",
    [
        [signal.SIGKILL],
        pytest.param([signal.SIGTERM, *[signal.SIGKILL] * 5], marks=pytest.mark.slow),
    ],
)
async def test_a_batch_survives_its_servers(tmp_path: Path, ends: list[signal.Signals]) -> None:
    """However servers end in its middle, each line has one result, and none stops for the batch."""
    config = str(configured(tmp_path))
    count = 60 * len(ends)
    with serving("--config", config) as live, connect("sync", live) as client:
        words = [chat(f"{n} b c", model="slow") for n in range(count)]
        begun = await begin(client, jsonl(words))
        await end(live, client, begun, ends[0], after=20)
    for number, how in enumerate(ends[1:], 1):
        with serving("--config", config) as live, connect("sync", live) as client:
            await end(live, client, begun, how, after=20 + 50 * number)
    with serving("--config", config) as live, connect("sync", live) as client:
        batch = await reached(client, begun)
        output = await lines(client, batch.output_file_id)

    assert batch.status == "completed"
    assert [line["custom_id"] for line in output] == [str(n) for n in range(count)]
    assert batch.usage.output_tokens == 3 * count
    assert not list((tmp_path / "batches" / "running").iterdir())


async def end(live: LiveServer, client: Any, batch: Any, how: signal.Signals, after: int) -> None:
    """Send a server a signal once *after* lines of *batch* are answered; it ends within 5 s."""
    batch = await reached(client, batch, has_completed(after))
    assert batch.status == "in_progress"
    live.process.send_signal(how)
    live.process.wait(timeout=5)
