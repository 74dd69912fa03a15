"""Requests for completions on their way to the engine."""

from typing import Any

import pytest

from backends.base import Generation
from shim.api.completions.protocol import CompletionRequest
from shim.api.completions.translate import to_generations
from shim.errors import InvalidParameter, UnsupportedParameter
from tests.shim.wire import read


def generation(**fields: Any) -> Generation:
    """Return what the engine is asked for these fields of a request."""
    (found,) = to_generations(read({"prompt": "a", **fields}, CompletionRequest))
    return found


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
    """The limit has the names of all three routes."""
    assert generation(**fields).sampling.max_tokens == limit


def test_limits_that_differ() -> None:
    """Two names that differ are refused: nobody knows which is meant."""
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
def test_what_asks_for_nothing(fields: dict[str, Any]) -> None:
    """Values by which nothing is asked for are accepted, and nothing comes of them."""
    assert generation(**fields) == generation()


@pytest.mark.parametrize("n", [2, 3])
def test_the_best_of_as_many(n: int) -> None:
    """The best of as many as are wanted, or of fewer, are all of them."""
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
def test_what_asks_for_something(fields: dict[str, Any], param: str) -> None:
    """What would change the answer is refused by name."""
    with pytest.raises(UnsupportedParameter) as refusal:
        generation(**fields)

    assert refusal.value.param == param


def test_the_side_that_is_cut_off() -> None:
    """The side crosses the seam with the number of tokens that are kept."""
    cut = {"truncate_prompt_tokens": 4, "truncation_side": "right"}

    assert generation(**cut).extras == cut


@pytest.mark.parametrize("seed", [-(2**63), -1, 0, 2**63 - 1])
def test_every_seed_of_openai(seed: int) -> None:
    """A seed has 64 bits, with a sign."""
    assert generation(seed=seed).sampling.seed == seed


@pytest.mark.parametrize(
    ("prompt", "place"), [([1, "a"], "prompt[1]"), (["a", "b", [1]], "prompt[2]")]
)
def test_texts_among_ids(prompt: list[Any], place: str) -> None:
    """The first prompt of another kind is named."""
    with pytest.raises(InvalidParameter) as refusal:
        generation(prompt=prompt)

    assert refusal.value.param == place
