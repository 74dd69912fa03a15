"""Embedding requests as jobs, and vectors as answers: four forms of input, two of numbers."""

import base64
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import numpy as np
import pytest

from backends.base import Embedding, EmbeddingJob
from shim.api.embeddings.answer import embedding_list, encoded
from shim.api.embeddings.protocol import EmbeddingRequest
from shim.api.embeddings.translate import to_jobs
from shim.errors import InvalidParameter, NotFinite, UnsupportedParameter
from tests.shim.wire import read


def request(**fields: Any) -> EmbeddingRequest:
    """Return a request with *fields* as it is decoded from JSON."""
    return read({"model": "m", "input": "a", **fields}, EmbeddingRequest)


@pytest.mark.parametrize(
    ("sent", "inputs"),
    [
        ("a b", ["a b"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [(1, 2)]),
        ([[1, 2], [3]], [(1, 2), (3,)]),
    ],
)
def test_four_forms(sent: Any, inputs: list[str | tuple[int, ...]]) -> None:
    """A text, texts, token ids and lists of token ids; nothing else is set."""
    assert to_jobs(request(input=sent)) == [EmbeddingJob(input=one) for one in inputs]


def test_nothing_is_dropped() -> None:
    """Every value of a full request reaches the engine."""
    values: dict[str, Any] = {
        "dimensions": 4,
        "add_special_tokens": False,
        "use_activation": False,
        "truncate_prompt_tokens": -1,
        "truncation_side": "left",
    }

    (job,) = to_jobs(request(**values, user="me", encoding_format="base64"))

    assert job == EmbeddingJob(input="a", **values)


@pytest.mark.parametrize("sent", [["a", 1], [1, [2]]])
def test_texts_among_ids(sent: Any) -> None:
    """The error names the first input of another kind."""
    with pytest.raises(InvalidParameter) as refusal:
        to_jobs(request(input=sent))

    assert refusal.value.param == "input[1]"


@pytest.mark.parametrize("sent", ["", [], [""], [[]], ["a", ""], [[1], []]])
def test_empty_inputs(sent: Any) -> None:
    """An empty input is refused, and the error names the field."""
    with pytest.raises(InvalidParameter) as refusal:
        to_jobs(request(input=sent))

    assert refusal.value.param == "input"


def test_as_many_as_openai_takes() -> None:
    """The limit is on the number of inputs, not on the tokens of one."""
    assert len(to_jobs(request(input=["a"] * 2048))) == 2048
    assert len(to_jobs(request(input=[1] * 5000))) == 1


@pytest.mark.parametrize(
    ("name", "value", "harmless"),
    [
        ("messages", [{}], []),
        ("normalize", True, None),
        ("padding", "max_length", "do_not_pad"),
        ("embed_dtype", "float16", "float32"),
        ("endianness", "big", "little"),
    ],
)
def test_unsupported(name: str, value: object, harmless: object) -> None:
    """Values of vLLM's parameters that would change the answer are refused."""
    assert to_jobs(request(**{name: harmless}))
    with pytest.raises(UnsupportedParameter) as refusal:
        to_jobs(request(**{name: value}))

    assert refusal.value.param == name


def vectors(count: int = 5, size: int = 1000) -> list[Embedding]:
    """Return vectors with numbers of every magnitude that float32 has."""
    draw = np.random.default_rng(7)
    bits = draw.integers(0, 2**32, (count, size), dtype=np.uint32).view(np.float32)
    finite = np.where(np.isfinite(bits), bits, np.float32(0.1))
    return [Embedding(values=row, prompt_tokens=index) for index, row in enumerate(finite)]


async def backwards(embeddings: list[Embedding]) -> AsyncGenerator[tuple[int, Embedding], None]:
    """Yield the vectors in the reverse order of their inputs."""
    for index, embedding in reversed(list(enumerate(embeddings))):
        yield index, embedding


async def answer(embeddings: list[Embedding], *, in_base64: bool) -> Any:
    """Return the answer as a client decodes it."""
    items = [item async for item in encoded(backwards(embeddings), in_base64=in_base64)]
    return msgspec.json.decode(msgspec.json.encode(embedding_list("m", items)))


@pytest.mark.parametrize("in_base64", [False, True])
async def test_exact_numbers(*, in_base64: bool) -> None:
    """Each encoding keeps every bit and the order of the inputs; the tokens are added up."""
    embeddings = vectors()

    body = await answer(embeddings, in_base64=in_base64)

    assert [item["index"] for item in body["data"]] == list(range(len(embeddings)))
    assert body["usage"] == {"prompt_tokens": 10, "total_tokens": 10}
    for item, embedding in zip(body["data"], embeddings, strict=True):
        values = (
            np.frombuffer(base64.b64decode(item["embedding"]), "<f4")
            if in_base64
            else np.array(item["embedding"], np.float32)
        )
        assert values.tobytes() == embedding.values.tobytes()


async def test_both_encodings_are_the_same_doubles() -> None:
    """A client that keeps doubles gets the same numbers from both encodings."""
    embeddings = vectors(count=1)

    (plain,) = (await answer(embeddings, in_base64=False))["data"]
    (packed,) = (await answer(embeddings, in_base64=True))["data"]

    assert (
        plain["embedding"] == np.frombuffer(base64.b64decode(packed["embedding"]), "<f4").tolist()
    )


@pytest.mark.parametrize("in_base64", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf])
async def test_not_finite(value: float, *, in_base64: bool) -> None:
    """NaN and infinity, which JSON does not have, are an error instead of null."""
    broken = Embedding(values=np.array([1, value], np.float32), prompt_tokens=1)

    with pytest.raises(NotFinite):
        await answer([broken], in_base64=in_base64)
