"""The sampling of the built-in engine, mostly the ways to draw the most probable token."""

from typing import Any

import pytest

from backends.base import Sampling
from backends.ct2.sampling import arguments, refuse_unsupported
from backends.failures import UnsupportedOption
from tests.backends.opener import Opener
from tests.backends.test_contract import answer, generation, text

GREEDY = [
    {"temperature": 0.0},
    {"temperature": 1e-40},
    {"top_p": 0.0},
    {"top_p": 0.0, "temperature": 2.0},
    {"top_k": 1},
    {"min_p": 1.0},
]


@pytest.mark.parametrize("narrow", GREEDY, ids=str)
@pytest.mark.parametrize("seed", [None, 0, -1, -(2**63), 2**63 - 1])
def test_only_the_most_probable(narrow: dict[str, float], seed: int | None) -> None:
    """The engine draws from one candidate, which any seed repeats."""
    sampling = Sampling(**{"temperature": None, "seed": seed, **narrow})

    refuse_unsupported(sampling)

    assert arguments(sampling, 96) == {"sampling_topk": 1, "repetition_penalty": 1.0}


@pytest.mark.parametrize("narrow", GREEDY, ids=str)
async def test_the_greedy_answer(opener: Opener, narrow: dict[str, float]) -> None:
    """Each of them has the answer of temperature 0."""
    backend = await opener.open("ct2")
    question = "Count to ten"

    greedy = text(await answer(backend, generation(question)))
    found = text(await answer(backend, generation(question, **{"temperature": 1.5, **narrow})))

    assert found == greedy != ""


@pytest.mark.parametrize("random", [{}, {"temperature": 1.0}, {"top_k": 2}, {"top_p": 0.9}])
def test_a_seed_of_random_draws(random: dict[str, Any]) -> None:
    """It is refused, and the message names the options that work."""
    with pytest.raises(UnsupportedOption, match="`temperature` 0, `top_p` 0 or `top_k` 1") as error:
        refuse_unsupported(Sampling(**random, seed=1))

    assert error.value.option == "seed"


@pytest.mark.parametrize(
    "sampling",
    [
        {"temperature": 2.0, "top_p": 1.0},
        {"temperature": 1e-9},
        {"temperature": 1.0, "top_k": 10**9},
        {"temperature": 1.0, "top_k": -1},
        {"n": 128, "max_tokens": 1},
        {"top_logprobs": 20, "max_tokens": 1},
        {"top_logprobs": 0, "max_tokens": 1},
        {"presence_penalty": 0.0, "frequency_penalty": 0.0},
    ],
    ids=str,
)
async def test_extremes(opener: Opener, sampling: dict[str, Any]) -> None:
    """The other values that OpenAI allows have an answer."""
    backend = await opener.open("ct2")

    assert text(await answer(backend, generation("Count to ten", **sampling)))
