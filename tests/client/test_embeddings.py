"""Embeddings through the stock client and over the wire.

The strict client asks for `float`: its own types know no base64, which is what it asks for by
default and then decodes.
"""

import asyncio
from typing import Any

import httpx
import openai
import pytest

from tests.client.slots import reaches
from tests.client.stock import KINDS, answered, says
from tests.live import KEY, LiveServer


async def embed(client: Any, given: Any, model: str = "vectors", **options: Any) -> Any:
    """Ask for the vectors of *given*, as numbers unless told otherwise."""
    wanted = {"encoding_format": "float", **options}
    return await answered(client.embeddings.create(model=model, input=given, **wanted))


async def test_the_answer(client: Any) -> None:
    """A vector per input, in their order, under the name that was asked for."""
    found = await embed(client, ["one two", "three"])

    assert found.object == "list"
    assert found.model == "vectors"
    assert [(item.object, item.index) for item in found.data] == [
        ("embedding", 0),
        ("embedding", 1),
    ]
    assert {len(item.embedding) for item in found.data} == {32}
    assert (found.usage.prompt_tokens, found.usage.total_tokens) == (3, 3)
    assert [(await embed(client, text)).data[0].embedding for text in ("one two", "three")] == [
        item.embedding for item in found.data
    ]


@pytest.mark.parametrize("given", ["a", ["a"], [97], [[97], [98]]])
async def test_forms_of_input(client: Any, given: Any) -> None:
    """All four that OpenAI documents are answered."""
    found = await embed(client, given)

    assert len(found.data) == (2 if given == [[97], [98]] else 1)


async def test_raw_responses(client: Any) -> None:
    """The raw answer has the request's id, and parses to the same."""
    raw = await answered(
        client.embeddings.with_raw_response.create(
            model="vectors", input="one two", encoding_format="float"
        )
    )

    assert raw.headers["x-request-id"].startswith("req_")
    found = await embed(client, "one two")
    assert (await answered(raw.parse())).data == found.data


@pytest.mark.parametrize("kind", KINDS)
async def test_the_clients_default_is_base64(fakes: LiveServer, kind: str, client: Any) -> None:
    """The stock client asks for base64 unless told, and decodes the very numbers of `float`."""
    stock = KINDS[kind](base_url=fakes.base_url, api_key=KEY, max_retries=0)

    packed = await answered(stock.embeddings.create(model="vectors", input=["one two", "b"]))

    await answered(stock.close())
    plain = await embed(client, ["one two", "b"])
    assert [i.embedding for i in packed.data] == [i.embedding for i in plain.data]


async def test_base64_on_the_wire(http: httpx.AsyncClient) -> None:
    """Four bytes for each number, in base64."""
    body = {"model": "vectors", "input": "a", "encoding_format": "base64", "dimensions": 3}

    found = (await http.post("embeddings", json=body)).json()

    assert found["object"] == "list"
    assert len(found["data"][0].pop("embedding")) == 16
    assert found["data"] == [{"object": "embedding", "index": 0}]


@pytest.mark.parametrize("encoding", [{}, {"encoding_format": None}])
async def test_numbers_unless_told(http: httpx.AsyncClient, encoding: dict[str, None]) -> None:
    """OpenAI's default is `float`; unknown fields are ignored."""
    body = {"model": "vectors", "input": "a", "user": "me", "input_type": "query", **encoding}

    found = (await http.post("embeddings", json=body)).json()

    assert len(found["data"][0]["embedding"]) == 32


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"given": ""}, "input"),
        ({"given": []}, "input"),
        ({"given": ["a", ""]}, "input"),
        ({"given": ["a", 1]}, "input[1]"),
        ({"given": ["a"] * 2049}, "input"),
        ({"given": [[]]}, "input"),
        ({"given": [-1]}, "input[0]"),
        ({"given": [1.5]}, "input[0]"),
        ({"given": {"text": "a"}}, "input"),
        ({"given": "a", "dimensions": 0}, "dimensions"),
        ({"given": "a", "encoding_format": "bytes"}, "encoding_format"),
        ({"given": "a", "extra_body": {"normalize": False}}, "normalize"),
        ({"given": "a", "extra_body": {"truncate_prompt_tokens": -2}}, "truncate_prompt_tokens"),
    ],
)
async def test_refusals(client: Any, options: dict[str, Any], param: str) -> None:
    """What is wrong, or cannot be honoured, is refused by name."""
    with pytest.raises(openai.BadRequestError) as refusal:
        await embed(client, **options)

    assert refusal.value.param == param


async def test_too_long(client: Any) -> None:
    """One text beyond the context refuses all of the request, in the words harnesses look for."""
    with pytest.raises(openai.BadRequestError, match="maximum context length") as refusal:
        await embed(client, ["a", "word " * 2000])

    assert (refusal.value.code, refusal.value.param) == ("context_length_exceeded", "input")


async def test_a_model_of_another_kind(client: Any) -> None:
    """A chat model has no vectors, and an embedding model no conversation."""
    with pytest.raises(openai.NotFoundError, match=r"does not serve embeddings.*: vectors, one-"):
        await embed(client, "a", model="echo")
    with pytest.raises(openai.NotFoundError, match="`vectors` does not serve chat completions"):
        await answered(client.chat.completions.create(model="vectors", messages=says("a")))


async def test_a_dead_engine(client: Any) -> None:
    """The engine's death is the server's fault, and worth another try."""
    with pytest.raises(openai.InternalServerError) as failure:
        await embed(client, ["a", "b"], model="dead-vectors")

    assert failure.value.status_code == 503


async def test_the_url_names_the_model(http: httpx.AsyncClient, fakes: LiveServer) -> None:
    """A model in the URL needs none in the body; without either it is missing."""
    there = await http.post(f"{fakes.url}/m/vectors/v1/embeddings", json={"input": "a"})
    nowhere = await http.post("embeddings", json={"input": "a"})

    assert there.json()["model"] == "vectors"
    assert nowhere.json()["error"]["param"] == "model"


async def test_its_context_is_listed(client: Any) -> None:
    """`/v1/models` tells how long a text may be."""
    card = await answered(client.models.retrieve("one-vector"))

    assert card.to_dict()["max_model_len"] == 10


async def test_strict_mode(client: Any) -> None:
    """Unknown fields are refused by name if that is asked for; known ones are not."""
    wanted = {"extra_headers": {"x-shim-strict": "true"}}

    assert await embed(client, "a", user="me", **wanted)
    with pytest.raises(openai.BadRequestError) as refusal:
        await embed(client, "a", extra_body={"input_type": "query"}, **wanted)

    assert refusal.value.param == "input_type"


async def test_each_input_is_a_request(http: httpx.AsyncClient) -> None:
    """More inputs than there is ever room for are refused, and none of them takes a place."""
    body = {"model": "one-vector", "input": ["a", "b"]}

    answer = await http.post("embeddings", json=body)

    assert answer.status_code == 400
    assert await reaches(http, "one-vector", 400)


async def test_leaving(http: httpx.AsyncClient) -> None:
    """A client that goes takes its input with it, which would have taken a minute."""
    body = {"model": "one-vector", "input": "a"}
    leaving = asyncio.create_task(http.post("embeddings", json=body))
    assert await reaches(http, "one-vector", 429)

    leaving.cancel()

    assert await reaches(http, "one-vector", 400)
