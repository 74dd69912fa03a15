"""Embeddings on their way to the engine and back: four forms of input, two of numbers."""

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
    """Return a request as it is decoded from the wire."""
    return read({"model": "m", "input": "a", **fields}, EmbeddingRequest)


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("a b", ["a b"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [(1, 2)]),
        ([[1, 2], [3]], [(1, 2), (3,)]),
    ],
)
def test_four_forms(given: Any, inputs: list[str | tuple[int, ...]]) -> None:
    """A text, texts, token ids and lists of them; what is not said is left to the engine."""
    assert to_jobs(request(input=given)) == [EmbeddingJob(input=one) for one in inputs]


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


@pytest.mark.parametrize("given", [["a", 1], [1, [2]]])
def test_texts_among_ids(given: Any) -> None:
    """The first input of another kind is named."""
    with pytest.raises(InvalidParameter) as refusal:
        to_jobs(request(input=given))

    assert refusal.value.param == "input[1]"


@pytest.mark.parametrize("given", ["", [], [""], [[]], ["a", ""], [[1], []]])
def test_what_is_no_input(given: Any) -> None:
    """Nothing to embed is named as the input's fault."""
    with pytest.raises(InvalidParameter) as refusal:
        to_jobs(request(input=given))

    assert refusal.value.param == "input"


def test_as_many_as_openai_takes() -> None:
    """The limit is on inputs, not on the tokens of one."""
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
def test_what_is_not_honoured(name: str, value: object, harmless: object) -> None:
    """Parameters of vLLM's that would change the answer are refused by name."""
    assert to_jobs(request(**{name: harmless}))
    with pytest.raises(UnsupportedParameter) as refusal:
        to_jobs(request(**{name: value}))

    assert refusal.value.param == name


def vectors(count: int = 5, size: int = 1000) -> list[Embedding]:
    """Return vectors of every magnitude that float32 has."""
    draw = np.random.default_rng(7)
    bits = draw.integers(0, 2**32, (count, size), dtype=np.uint32).view(np.float32)
    finite = np.where(np.isfinite(bits), bits, np.float32(0.1))
    return [Embedding(values=row, prompt_tokens=at) for at, row in enumerate(finite)]


async def backwards(found: list[Embedding]) -> AsyncGenerator[tuple[int, Embedding], None]:
    """Yield vectors in an order that is not that of their inputs."""
    for index, embedding in reversed(list(enumerate(found))):
        yield index, embedding


async def answer(found: list[Embedding], *, in_base64: bool) -> Any:
    """Return the answer as a client reads it."""
    items = [item async for item in encoded(backwards(found), in_base64=in_base64)]
    return msgspec.json.decode(msgspec.json.encode(embedding_list("m", items)))


@pytest.mark.parametrize("in_base64", [False, True])
async def test_numbers_are_the_engines(*, in_base64: bool) -> None:
    """To the bit, in either encoding, in the order of the inputs, the tokens added up."""
    found = vectors()

    told = await answer(found, in_base64=in_base64)

    assert [item["index"] for item in told["data"]] == list(range(len(found)))
    assert told["usage"] == {"prompt_tokens": 10, "total_tokens": 10}
    for item, embedding in zip(told["data"], found, strict=True):
        told_values = (
            np.frombuffer(base64.b64decode(item["embedding"]), "<f4")
            if in_base64
            else np.array(item["embedding"], np.float32)
        )
        assert told_values.tobytes() == embedding.values.tobytes()


async def test_both_encodings_are_the_same_doubles() -> None:
    """A client that never narrows to float32 sees the same numbers too."""
    found = vectors(count=1)

    (told,) = (await answer(found, in_base64=False))["data"]

    (packed,) = (await answer(found, in_base64=True))["data"]
    assert told["embedding"] == np.frombuffer(base64.b64decode(packed["embedding"]), "<f4").tolist()


@pytest.mark.parametrize("in_base64", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf])
async def test_what_is_no_number(value: float, *, in_base64: bool) -> None:
    """JSON has no NaN: a model that computes one fails, instead of answering null."""
    broken = Embedding(values=np.array([1, value], np.float32), prompt_tokens=1)

    with pytest.raises(NotFinite):
        await answer([broken], in_base64=in_base64)
