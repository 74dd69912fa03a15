"""Completion requests as generations."""

from typing import Any

import pytest

from backends.base import Generation
from shim.api.completions.protocol import CompletionRequest
from shim.api.completions.translate import to_generations
from shim.errors import InvalidParameter, UnsupportedParameter
from tests.shim.wire import read


def generation(**fields: Any) -> Generation:
    """Return the generation of a request with one prompt and *fields*."""
    (only,) = to_generations(read({"prompt": "a", **fields}, CompletionRequest))
    return only


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, 16),
        ({"max_tokens": 3}, 3),
        ({"max_tokens": 0}, 0),
        ({"max_tokens": None}, 16),
        ({"max_completion_tokens": 4}, 4),
        ({"max_output_tokens": 4}, 4),
        ({"max_tokens": 4, "max_completion_tokens": 4}, 4),
        ({"max_tokens": None, "max_completion_tokens": 0}, 0),
    ],
)
def test_limits(fields: dict[str, Any], limit: int) -> None:
    """The limit has the names of all three text routes."""
    assert generation(**fields).sampling.max_tokens == limit


def test_limits_that_differ() -> None:
    """Different limits by two names are refused: it is unknown which one is meant."""
    with pytest.raises(InvalidParameter) as refusal:
        generation(max_tokens=3, max_completion_tokens=4)

    assert refusal.value.param == "max_completion_tokens"


@pytest.mark.parametrize(
    "fields",
    [
        {"best_of": 1},
        {"best_of": 0},
        {"best_of": None},
        {"suffix": ""},
        {"suffix": None},
        {"echo": None},
        {"n": None},
        {"logprobs": False},
        {"stream_options": None},
        {"stream_options": {}},
        {"stream_options": {"include_usage": False, "continuous_usage_stats": False}},
        {"truncation_side": "left"},
        {"top_logprobs": 0},
        {"tools": [], "tool_choice": "none", "parallel_tool_calls": True},
        {"messages": None, "instructions": "", "modalities": ["text"]},
        {"vllm_xargs": {}},
    ],
)
def test_neutral_values(fields: dict[str, Any]) -> None:
    """Values that would not change the answer are accepted without effect."""
    assert generation(**fields) == generation()


@pytest.mark.parametrize("n", [2, 3])
def test_best_of_at_most_n(n: int) -> None:
    """`best_of` up to `n` changes nothing: all choices are returned."""
    assert generation(n=n, best_of=2) == generation(n=n)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"best_of": 2}, "best_of"),
        ({"n": 2, "best_of": 3}, "best_of"),
        ({"suffix": "b"}, "suffix"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"messages": [{"role": "user", "content": "a"}]}, "messages"),
    ],
)
def test_unsupported(fields: dict[str, Any], param: str) -> None:
    """A value that would change the answer is refused, and the error names its field."""
    with pytest.raises(UnsupportedParameter) as refusal:
        generation(**fields)

    assert refusal.value.param == param


def test_truncation() -> None:
    """The side that is cut reaches the engine with the number of tokens that are kept."""
    cut = {"truncate_prompt_tokens": 4, "truncation_side": "right"}

    assert generation(**cut).engine_options == cut


@pytest.mark.parametrize("seed", [-(2**63), -1, 0, 2**63 - 1])
def test_every_seed_of_openai(seed: int) -> None:
    """A seed has 64 bits, with a sign."""
    assert generation(seed=seed).sampling.seed == seed


@pytest.mark.parametrize(
    ("prompt", "param"), [([1, "a"], "prompt[1]"), (["a", "b", [1]], "prompt[2]")]
)
def test_texts_among_ids(prompt: list[Any], param: str) -> None:
    """The error names the first prompt of another kind."""
    with pytest.raises(InvalidParameter) as refusal:
        generation(prompt=prompt)

    assert refusal.value.param == param
