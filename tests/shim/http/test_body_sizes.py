"""Bodies that are small in bytes and large in items, for every field of every JSON route."""

import asyncio
import gc
import re
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from msgspec.inspect import type_info

from shim.api.openapi.endpoints import endpoints
from shim.app import create_app
from shim.settings import Settings, load
from tests.shim.shapes import grown, smallest

SIZES = (10, 1_000, 100_000)
ERROR_BYTES = 4096
TURN_SECONDS = 0.1
"""Most seconds of CPU in one turn of the event loop. On an idle machine 0.02 are promised."""

MODELS = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "chat",
    "/v1/responses": "chat",
    "/v1/embeddings": "vectors",
    "/tokenize": "chat",
    "/detokenize": "chat",
    "/v1/audio/transcriptions": "speech",
    "/v1/audio/translations": "speech",
}
ROUTES = {
    endpoint.path: endpoint.operation.request
    for endpoint in endpoints(create_app(Settings()))
    if endpoint.path in MODELS
}

SOUND = {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}}
HEARD = {"role": "user", "content": [SOUND]}
SPEECH: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [HEARD]},
    "/v1/responses": {"input": [HEARD]},
    "/v1/audio/transcriptions": {"file": "QQ=="},
    "/v1/audio/translations": {"file": "QQ=="},
}
"""Fields of a request to a speech model, by each route that it has."""

CHAT = "/v1/chat/completions"

# A response has most of a chat's fields, a completion the others; so has a transcription those of a
# translation, and a chat those of the tokenizer.
LIKE_OTHERS = (CHAT, "/tokenize", "/v1/audio/translations")

ASKED = [
    *((path, model) for path, model in MODELS.items() if path not in LIKE_OTHERS),
    *(pytest.param(path, MODELS[path], marks=pytest.mark.slow) for path in LIKE_OTHERS),
    # The same fields as for chat, in another translation.
    *(
        pytest.param(path, "speech", marks=pytest.mark.slow)
        for path in ("/v1/chat/completions", "/v1/responses")
    ),
]

# Lists of token ids: `json_values` bounds them, and a model's context.
TOKEN_IDS = re.compile(r"^(prompt|input|tokens|[a-z]+_token_ids)(\[\])*$")


@asynccontextmanager
async def serving() -> AsyncGenerator[Litestar, None]:
    """Serve fake models of all kinds."""
    kinds = (("chat", "chat"), ("vectors", "embedding"), ("speech", "speech"))
    models = [{"id": name, "backend": "fake", "source": source} for name, source in kinds]
    app = create_app(load(environment={}, flags={"models": models}))
    # As in `shim/server.py`: otherwise the garbage collector searches all that tests have loaded.
    gc.collect()
    gc.freeze()
    try:
        async with app.lifespan():
            yield app
    finally:
        gc.unfreeze()


class Answer(msgspec.Struct):
    """The answer to a request, and its cost."""

    status: int
    body: bytes
    cpu: float
    """CPU of this process, in seconds."""
    turn: float
    """CPU of the longest turn of the event loop, in seconds."""


async def post(app: Litestar, path: str, content: bytes, **headers: str) -> Answer:
    """Send *content*, and measure the turns of the event loop until the answer."""
    sent: list[Any] = []
    received: asyncio.Queue[Any] = asyncio.Queue()
    received.put_nowait({"type": "http.request", "body": content, "more_body": False})
    given = {"content-type": "application/json", **headers}
    scope: Any = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }

    async def send(message: Any) -> None:
        sent.append(message)

    start, before, turn = time.process_time(), time.thread_time(), 0.0
    answering = asyncio.create_task(app(scope, received.get, send))  # type: ignore[arg-type]
    while not answering.done():
        await asyncio.sleep(0)
        now = time.thread_time()
        before, turn = now, max(turn, now - before)
    await answering
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], body, time.process_time() - start, turn)


def bodies(path: str, model: str, size: int) -> Iterator[tuple[str, bytes]]:
    """Yield each place in the route's type that can grow, and a body with *size* items there."""
    kind = type_info(ROUTES[path])
    more = {"model": model}
    if model == "speech":
        more |= SPEECH[path]
    if path == "/tokenize":
        more["prompt"] = "a"
    for place, value in grown(kind, size):
        yield place, msgspec.json.encode({**smallest(kind), **more, **_named(place, value)})
    unknown = {f"unknown{n}": n for n in range(size)}
    yield "unknown", msgspec.json.encode({**smallest(kind), **more, **unknown})


def _named(place: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return only the grown field of *value*; the other fields are set already."""
    name = re.split(r"[\[{.:=]", place)[0]
    found = {name: value[name]}
    return {**found, "prompt": None} if name == "messages" and "prompt" not in value else found


@pytest.mark.parametrize(("path", "model"), ASKED)
async def test_no_field_costs_more_than_its_size(path: str, model: str) -> None:
    """The time grows no faster than the items; a body of 100,000 gets a short error."""
    places: dict[str, list[Answer]] = {}
    async with serving() as app:
        for size in SIZES:
            for place, content in bodies(path, model, size):
                places.setdefault(place, []).append(await post(app, path, content))
        slow = {
            place: await again(app, path, model, place) for place in places if _slow(*places[place])
        }

    assert len(places) >= 3
    assert not {place: answers for place, answers in slow.items() if _slow(*answers)}
    for place, answers in places.items():
        _judge(place, answers)


async def again(app: Litestar, path: str, model: str, place: str) -> list[Answer]:
    """Return the quickest of three more answers for each size, as the machine may be busy."""
    contents = [dict(bodies(path, model, size))[place] for size in SIZES]
    tries = [[await post(app, path, content) for content in contents] for _ in range(3)]
    return [
        Answer(0, b"", min(one.cpu for one in same), min(one.turn for one in same))
        for same in zip(*tries, strict=True)
    ]


def _slow(small: Answer, some: Answer, many: Answer) -> bool:
    # A hundred times as many items; quadratic code takes ten thousand times as long.
    grows = many.cpu > 100 * max(some.cpu, 0.005)
    return grows or max(small.turn, some.turn, many.turn) > TURN_SECONDS


def _judge(place: str, answers: list[Answer]) -> None:
    for answer in answers:
        assert answer.status < 500, (place, answer)
        assert answer.status < 400 or len(answer.body) < ERROR_BYTES, (place, len(answer.body))
    if not (TOKEN_IDS.match(place) or place.endswith(":text") or place == "unknown"):
        # 413: the limit of `/tokenize` is 1 MiB.
        assert answers[-1].status in (400, 413), (place, answers[-1])


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
async def test_unknown_fields_in_strict_mode(path: str) -> None:
    """Of any number of unknown fields, a short message lists some."""
    body = dict(smallest(type_info(ROUTES[path])), model=MODELS[path])
    async with serving() as app:
        for size in (*SIZES, 1_000_000):
            content = msgspec.json.encode({**body, **{f"unknown{n}": n for n in range(size)}})

            answer = await post(app, path, content, **{"x-shim-strict": "true"})

            assert answer.status == 400
            assert len(answer.body) < ERROR_BYTES
            assert answer.turn < TURN_SECONDS


NASTY = {
    "model": {"model": "\x00" * 100_000},
    "model of letters": {"model": "ü" * 5_000_000},
    "role": {"messages": [{"role": "\u2028x" * 1_000_000, "content": "a"}]},
    "key": {"logit_bias": {"k" * 1_000_000: 1}},
    "type": {"messages": [{"role": "user", "content": [{"type": "😀" * 500_000}]}]},
    "tool": {"tools": [{"function": {"name": "f" * 5_000_000}}]},
    "choice": {"tool_choice": "n" * 1_000_000},
}


@pytest.mark.parametrize("more", NASTY.values(), ids=NASTY)
async def test_errors_are_short(more: dict[str, Any]) -> None:
    """An error repeats little of a request."""
    body = {"model": "chat", "messages": [{"role": "user", "content": "a"}], **more}

    async with serving() as app:
        answer = await post(app, "/v1/chat/completions", msgspec.json.encode(body))

    assert 400 <= answer.status < 500
    assert len(answer.body) < ERROR_BYTES
    assert msgspec.json.decode(answer.body)["error"]["message"]
