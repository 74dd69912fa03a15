"""Text completions on their way to the engine."""

from typing import Any

import msgspec
import pytest

from shim.completions.protocol import CompletionRequest
from shim.completions.translate import to_generations
from shim.errors import InvalidParameter


def request(**fields: Any) -> CompletionRequest:
    """Return a request as it is decoded from the wire."""
    return msgspec.convert({"prompt": "a", **fields}, CompletionRequest)


@pytest.mark.parametrize(
    ("fields", "limit"), [({}, 16), ({"max_tokens": None}, 16), ({"max_tokens": 0}, 0)]
)
def test_the_default_length(fields: dict[str, Any], limit: int) -> None:
    """Null is OpenAI's default and not without a limit, as it is to vLLM; 0 is 0."""
    (generation,) = to_generations(request(**fields))

    assert generation.sampling.max_tokens == limit


@pytest.mark.parametrize("seed", [-(2**63), -1, 0, 2**63 - 1])
def test_every_seed_of_openai(seed: int) -> None:
    """A seed has 64 bits, with a sign."""
    (generation,) = to_generations(request(seed=seed))

    assert generation.sampling.seed == seed


@pytest.mark.parametrize(
    ("prompt", "place"), [([1, "a"], "prompt[1]"), (["a", "b", [1]], "prompt[2]")]
)
def test_texts_among_ids(prompt: list[Any], place: str) -> None:
    """The first prompt of another kind is named."""
    with pytest.raises(InvalidParameter) as refusal:
        to_generations(request(prompt=prompt))

    assert refusal.value.param == place
