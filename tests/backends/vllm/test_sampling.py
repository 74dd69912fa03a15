"""Every field of Sampling does what it says."""

import math
from typing import Any

import pytest

from backends.base import ChatBackend
from tests.backends.vllm.conftest import Reference
from tests.backends.vllm.dialogue import WITHOUT_END, ask, finish, logprobs, text

QUESTION = "Count to ten"
ANSWER = "1 2 3 4 5 6 7 8 9 10"


async def test_nothing_given_is_the_generation_config(backend: ChatBackend) -> None:
    """Without a limit the model ends by itself: it is not cut short."""
    items = await ask(backend, QUESTION)

    assert text(items)
    assert finish(items).reason == "stop"


async def test_max_tokens_ends_the_text(backend: ChatBackend) -> None:
    """Exactly so many tokens, and the reason is `length`."""
    items = await ask(backend, QUESTION, temperature=0.0, max_tokens=3)

    assert (finish(items).reason, finish(items).completion_tokens) == ("length", 3)
    assert ANSWER.startswith(text(items))


async def test_n_choices_at_temperature_0_are_the_greedy_one(backend: ChatBackend) -> None:
    """OpenAI answers n > 1 at temperature 0, which vLLM refuses: n times the same, all counted."""
    items = await ask(backend, QUESTION, temperature=0.0, n=3, top_logprobs=0)

    alone = finish(await ask(backend, QUESTION, temperature=0.0))
    for index in range(3):
        assert text(items, index) == ANSWER
        assert finish(items, index).completion_tokens == alone.completion_tokens


async def test_n_choices_are_drawn_apart(backend: ChatBackend) -> None:
    """At a high temperature the choices differ, and each has its own end."""
    items = await ask(backend, QUESTION, temperature=2.0, n=4, seed=1, max_tokens=12)

    assert len({text(items, index) for index in range(4)}) > 1
    assert [finish(items, index).index for index in range(4)] == [0, 1, 2, 3]


async def test_a_seed_repeats_the_draw(backend: ChatBackend) -> None:
    """The same seed gives the same text, another one another text."""
    draw: dict[str, Any] = {"temperature": 2.0, "max_tokens": 20}

    first, again, other = [
        text(await ask(backend, QUESTION, seed=seed, **draw)) for seed in (7, 7, 8)
    ]

    assert first == again
    assert first != other


NARROW = [
    {"top_k": 1},
    {"top_p": 1e-6},
    {"min_p": 1.0},
    {"top_p": 0.0},
    {"top_p": 1e-300},
    {"top_p": 0.0, "seed": 2**63 - 1},
    {"temperature": 1e-9},
    {"temperature": 1e-320},
]


@pytest.mark.parametrize("narrow", NARROW, ids=str)
async def test_narrow_sampling_is_greedy(backend: ChatBackend, narrow: dict[str, Any]) -> None:
    """Where only the most probable token is left, temperature changes nothing."""
    items = await ask(backend, QUESTION, **{"temperature": 2.0, **narrow}, n=2)

    assert [text(items, index) for index in range(2)] == [ANSWER] * 2


EXTREMES = [
    {"temperature": 2.0, "top_p": 1.0},
    {"top_k": 0},
    {"top_k": -1},
    {"top_k": 10**9},
    {"min_p": 0.0},
    {"presence_penalty": 2.0, "frequency_penalty": 2.0},
    {"presence_penalty": -2.0, "frequency_penalty": -2.0},
    {"logit_bias": {24: 100.0, 25: -100.0}},
    {"repetition_penalty": 1e39},
    {"repetition_penalty": 1e-5},
    {"seed": -1},
    {"seed": -2},
    {"seed": -(2**63)},
    {"seed": 2**63 - 1},
    {"n": 128},
    {"top_logprobs": 0},
    {"top_logprobs": 20, "top_p": 0.0},
]


@pytest.mark.parametrize("sampling", EXTREMES, ids=str)
async def test_extremes(backend: ChatBackend, sampling: dict[str, Any]) -> None:
    """Every other extreme that OpenAI and vLLM allow is answered to its end."""
    items = await ask(backend, QUESTION, **{"max_tokens": 2, "temperature": 1.0, **sampling})

    for index in range(sampling.get("n", 1)):
        assert finish(items, index).completion_tokens in (1, 2)


async def test_many_stop_strings(backend: ChatBackend) -> None:
    """As many as the server takes: vLLM's engine has no limit of four."""
    stop = ("nothing", "7 8", "7 8", *(f"{letter}." for letter in "abcdefgh"))

    items = await ask(backend, QUESTION, temperature=0.0, stop=stop)

    assert text(items) == ANSWER[: ANSWER.index("7 8")]
    assert finish(items).stop_reason == "7 8"


@pytest.mark.parametrize(
    ("presence", "frequency", "repetition"), [(2.0, 0.0, 1.0), (0.0, 1.5, 1.0), (0.0, 0.0, 2.0)]
)
async def test_penalties_are_those_of_their_authors(
    backend: ChatBackend,
    reference: Reference,
    presence: float,
    frequency: float,
    repetition: float,
) -> None:
    """OpenAI's two count generated tokens, CTRL's the prompt too; each changes the text."""
    free: dict[str, Any] = {"temperature": 0.0, "logit_bias": WITHOUT_END, "max_tokens": 24}

    plain = text(await ask(backend, QUESTION, **free))
    penalised = text(
        await ask(
            backend,
            QUESTION,
            presence_penalty=presence,
            frequency_penalty=frequency,
            repetition_penalty=repetition,
            **free,
        )
    )

    assert penalised != plain
    assert penalised == reference.penalised(
        QUESTION, tokens=24, presence=presence, frequency=frequency, repetition=repetition
    )


async def test_a_stop_string_is_left_out(backend: ChatBackend) -> None:
    """The text ends before the first stop string that occurs, with the reason `stop`."""
    items = await ask(backend, QUESTION, temperature=0.0, stop=("7 8", "9"))

    assert text(items) == ANSWER[: ANSWER.index("7 8")]
    assert finish(items).reason == "stop"


async def test_logit_bias_moves_the_draw(backend: ChatBackend, reference: Reference) -> None:
    """A token with +100 is drawn for any question."""
    (eight,) = reference.tokenizer.encode("8", add_special_tokens=False)

    items = await ask(backend, "What is 3 plus 4?", logit_bias={eight: 100.0}, max_tokens=2)

    assert text(items) == "88"


async def test_logprobs_are_sane(backend: ChatBackend) -> None:
    """Per token: probabilities in order, at most 1 together, the greedy token first."""
    items = await ask(backend, QUESTION, temperature=0.0, top_logprobs=4)

    tokens = logprobs(items)
    assert len(tokens) == finish(items).completion_tokens
    for token in tokens:
        found = [rival.logprob for rival in token.top]
        assert len(found) == 4
        assert found == sorted(found, reverse=True)
        assert sum(map(math.exp, found)) <= 1 + 1e-6
        assert token.top[0] == token.drawn
        assert token.drawn.bytes == token.drawn.token.encode()


async def test_logprobs_of_the_drawn_token_alone(backend: ChatBackend) -> None:
    """`top_logprobs` 0 is the drawn token and no rival; None is nothing at all."""
    alone = logprobs(await ask(backend, QUESTION, temperature=0.0, top_logprobs=0))
    none = logprobs(await ask(backend, QUESTION, temperature=0.0))

    assert alone
    assert all(token.drawn.logprob <= 0 and token.top == () for token in alone)
    assert none == []


async def test_a_stop_string_holds_back_no_logprob(backend: ChatBackend) -> None:
    """Text that could begin a stop string waits; the log probabilities of its tokens come."""
    items = await ask(backend, QUESTION, temperature=0.0, top_logprobs=0, stop=("4 5 nothing",))

    assert text(items) == ANSWER
    assert len(logprobs(items)) == finish(items).completion_tokens
