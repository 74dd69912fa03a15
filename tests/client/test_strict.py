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


DOCUMENTED: dict[str, Any] = {
    "user": "me",
    "store": True,
    "metadata": {"a": "b"},
    "service_tier": "auto",
    "prediction": {"type": "content", "content": "b"},
    "safety_identifier": "me",
    "prompt_cache_key": "k",
    "prompt_cache_retention": "24h",
    "prompt_cache_options": {"ttl": "30m"},
    "verbosity": "medium",
    "modalities": ["text"],
    "stream_options": None,
}


async def test_what_openai_documents(strict: Any) -> None:
    """A strict server knows OpenAI's own names, and answers as if they were not there."""
    plain = await asked(strict, "chat")

    named = await asked(strict, "chat", extra_body=DOCUMENTED)

    assert named.choices[0].message == plain.choices[0].message


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"response_format": {"type": "json_object", "schema": {}, "a": 1}}, "response_format.a"),
        ({"stream": True, "stream_options": {"usage": True}}, "stream_options.usage"),
        ({"messages": [{"role": "user", "content": "a", "foo": 1}]}, "messages[0].foo"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a", "foo": 1}]}]},
            "messages[0].content[0].foo",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "foo": 1}}]},
            "tools[0].function.foo",
        ),
    ],
)
async def test_within_objects(strict: Any, options: dict[str, Any], param: str) -> None:
    """It looks inside, and names the path."""
    with pytest.raises(openai.BadRequestError, match="refused in strict mode") as error:
        await asked(strict, "chat", extra_body=options)

    assert (error.value.param, error.value.code) == (param, "unsupported_parameter")


async def test_within_items(strict: Any) -> None:
    """So it is with the items of a response's input."""
    item = {"role": "user", "content": [{"type": "input_text", "text": "a", "foo": 1}]}

    with pytest.raises(openai.BadRequestError, match="refused in strict mode") as error:
        await answered(strict.responses.create(model="echo", input=[item]))

    assert error.value.param == "input[0].content[0].foo"


@pytest.mark.parametrize("mode", ["true", "false"])
async def test_what_would_change_the_answer(strict: Any, mode: str) -> None:
    """A documented name that would change the answer is refused in either mode."""
    with pytest.raises(openai.BadRequestError, match="structured_outputs") as error:
        await asked(
            strict,
            "chat",
            extra_body={"guided_choice": ["a"]},
            extra_headers={"x-shim-strict": mode},
        )

    assert error.value.param == "guided_choice"


async def test_fields_of_a_recording(strict: Any) -> None:
    """A strict server knows other servers' names for a recording's fields."""
    known = {"word_timestamps": True, "translate": False, "stream_include_usage": True, "n": 1}

    assert await asked(strict, "speech", extra_body=known)
