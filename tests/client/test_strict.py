"""Strict mode of a whole server, and a request that wants it otherwise."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest

from tests.client.stock import KINDS, answered, connect, says
from tests.live import KEY, LiveServer, serving


@pytest.fixture(scope="module")
def strict_server() -> Iterator[LiveServer]:
    """Serve a model of each kind, strictly."""
    models = ("--model", "echo=fake:chat", "--model", "lines=fake:speech")
    with serving(*models, "--api-key", KEY, SHIM_STRICT="true") as live:
        yield live


@pytest.fixture(scope="module", params=KINDS)
async def strict(request: pytest.FixtureRequest, strict_server: LiveServer) -> AsyncIterator[Any]:
    """Connect the stock client, each kind in turn, to the strict server."""
    client = connect(request.param, strict_server)
    yield client
    await answered(client.close())


async def asked(client: Any, route: str, **options: Any) -> Any:
    """Ask for a chat completion or a transcription."""
    if route == "chat":
        chat = client.chat.completions
        return await answered(chat.create(model="echo", messages=says("a"), **options))
    audio = client.audio.transcriptions
    return await answered(audio.create(model="lines", file=b"a", **options))


ROUTES = pytest.mark.parametrize("route", ["chat", "speech"])


@ROUTES
async def test_what_is_documented(strict: Any, route: str) -> None:
    """A strict server answers what is documented."""
    assert await asked(strict, route, temperature=0.5)


@ROUTES
async def test_what_is_not(strict: Any, route: str) -> None:
    """And refuses by name what nobody documents."""
    with pytest.raises(openai.BadRequestError, match="refused in strict mode: num_beems") as error:
        await asked(strict, route, extra_body={"num_beems": 1})

    assert (error.value.param, error.value.code) == ("num_beems", "unsupported_parameter")


@ROUTES
async def test_who_wants_it_otherwise(strict: Any, route: str) -> None:
    """A request may ask for leniency."""
    lenient = {"x-shim-strict": "false"}

    assert await asked(strict, route, extra_body={"num_beems": 1}, extra_headers=lenient)


@ROUTES
async def test_who_wants_it_here(client: Any, route: str) -> None:
    """And of a lenient server for strictness."""
    wanted = {"extra_headers": {"x-shim-strict": "true"}}

    with pytest.raises(openai.BadRequestError) as error:
        await asked(client, route, extra_body={"num_beems": 1}, **wanted)

    assert error.value.param == "num_beems"
    assert await asked(client, route, **wanted)
