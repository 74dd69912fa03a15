"""vLLM's log probabilities are read, without an engine and with one."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from backends.base import Candidate, ChatBackend, Generation, PromptEcho, Sampling, TokenLogprob
from tests.backends.vllm.conftest import Reference

pytestmark = pytest.mark.usefixtures("requires_vllm")

WORDS = {"rare": -5.0, "best": -0.1, "next": -3.0}


class Words:
    """A tokenizer without a vocabulary that could be read: a token is a word."""

    def decode(self, tokens: list[int]) -> str:
        """Return the words, the token 99 as half a character."""
        words = [*WORDS]
        return " ".join(
            words[token] if token < len(words) else "\N{REPLACEMENT CHARACTER}" for token in tokens
        )


def flat(*positions: list[tuple[int, float]]) -> Any:
    """Return *positions* as vLLM writes them: the drawn token, then the most probable ones."""
    logprobs = import_module("vllm.logprobs").FlatLogprobs()
    for position in positions:
        tokens, values = [token for token, _ in position], [value for _, value in position]
        logprobs.append_fast(tokens, values, iter(range(1, 99)), iter([None] * len(tokens)))
    return logprobs


def reader() -> Any:
    """Return a reader for the tokenizer of words."""
    return import_module("backends.vllm.answers.logprobs").LogprobReader(Words())


def named(token: TokenLogprob | None) -> tuple[str, list[str]]:
    """Return a position's token and its rivals."""
    assert token is not None
    return token.drawn.token, [rival.token for rival in token.top]


@pytest.mark.parametrize(
    ("position", "top", "expected"),
    [
        ([(0, -5.0), (1, -0.1), (2, -3.0)], 2, ("rare", ["best", "next"])),
        ([(0, -5.0), (1, -0.1), (2, -3.0)], 1, ("rare", ["best"])),
        ([(1, -0.1), (1, -0.1), (2, -3.0)], 2, ("best", ["best", "next"])),
        ([(2, -3.0), (1, -0.1), (2, -3.0)], 2, ("next", ["best", "next"])),
        ([(2, -3.0), (1, -0.1)], 2, ("next", ["best", "next"])),
        ([(0, -5.0)], 0, ("rare", [])),
    ],
    ids=["rare", "one rival", "the best itself", "the second", "the second, joined", "alone"],
)
def test_rivals(
    position: list[tuple[int, float]], top: int, expected: tuple[str, list[str]]
) -> None:
    """The top is ordered by probability, the drawn token once among it if it belongs there.

    vLLM sends the drawn token twice, but once if it has joined the outputs of several steps.
    """
    (token,) = reader().token_logprobs([position[0][0]], flat(position), top)

    assert named(token) == expected


def test_a_position_without_any() -> None:
    """A prompt's first token comes after nothing."""
    first, second = reader().token_logprobs([2, 0], flat([], [(0, -5.0), (1, -0.1)]), 1)

    assert first is None
    assert named(second) == ("rare", ["best"])


@pytest.mark.parametrize("tokens", [[1], [0, 1], []])
def test_numbers_of_other_tokens(tokens: list[int]) -> None:
    """They are not taken for these tokens' own."""
    with pytest.raises((KeyError, ValueError)):
        list(reader().token_logprobs(tokens, flat([(0, -5.0), (2, -0.1)]), 1))


def test_the_prompt_logprobs_of_vllms_server() -> None:
    """Tokens are named by their ids; infinity, which JSON does not have, is -9999."""
    positions = reader().prompt_logprobs(flat([], [(0, float("-inf")), (1, -0.1)]))

    assert positions == [
        None,
        {
            "0": {"logprob": -9999.0, "rank": 1, "decoded_token": "rare"},
            "1": {"logprob": -0.1, "rank": 2, "decoded_token": "best"},
        },
    ]


def test_a_tokenizer_without_bytes() -> None:
    """The text that it decodes is used instead."""
    (token,) = reader().token_logprobs([99], flat([(99, -1.0)]), 0)

    assert token.drawn == Candidate("\N{REPLACEMENT CHARACTER}", -1.0, b"\xef\xbf\xbd")


def test_an_echo_of_token_ids() -> None:
    """Its text is what they decode to; without log probabilities that is all."""
    output = SimpleNamespace(prompt_token_ids=[1, 2], prompt_logprobs=None)

    assert reader().echo(output, text=None, top=None) == PromptEcho(text="best next")


async def test_parts_of_characters(backend: ChatBackend, reference: Reference) -> None:
    """Each token of a prompt has its own bytes, as have its rivals, and no rival comes twice."""
    text = "für 😀 und 東京"
    request = Generation(
        prompt=text, sampling=Sampling(max_tokens=0, temperature=0.0, top_logprobs=5), echo=True
    )

    echo, *_ = [item async for item in backend.generate(request)]

    assert isinstance(echo, PromptEcho)
    encoded = reference.tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
    assert len(echo.tokens) == len(encoded["input_ids"])
    assert list(echo.offsets) == [start for start, _ in encoded["offset_mapping"]]
    positions = [position for position in echo.logprobs[1:] if position is not None]
    assert len(positions) == len(echo.tokens) - 1
    assert b"f" + b"".join(position.drawn.bytes for position in positions) == text.encode()
    assert {r"\xf0", r"\x9f"} <= {*echo.tokens}
    for position in positions:
        assert len({rival.token for rival in position.top}) == 5


async def test_a_prompt_that_is_cut(backend: ChatBackend) -> None:
    """The echo is the part that was continued: the end of the prompt, with offsets within that."""
    request = Generation(
        prompt="What is the capital of Oslo",
        sampling=Sampling(max_tokens=0, temperature=0.0, top_logprobs=0),
        echo=True,
        engine_options={"truncate_prompt_tokens": 3},
    )

    echo, *_ = [item async for item in backend.generate(request)]

    assert isinstance(echo, PromptEcho)
    assert "What is the capital of Oslo".endswith(echo.text)
    assert "".join(echo.tokens) == echo.text
    assert list(echo.offsets) == [len("".join(echo.tokens[:at])) for at in range(3)]


async def test_vllm_decodes_none_of_them(
    backend: ChatBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take most of the time that a scored prompt takes."""
    processor = import_module("vllm.v1.engine.logprobs")
    decoded: list[Any] = []
    monkeypatch.setattr(processor, "convert_ids_list_to_tokens", lambda _, ids: decoded.append(ids))
    sampling = Sampling(max_tokens=3, temperature=0.0, top_logprobs=2, n=2)

    items = [
        item
        async for item in backend.generate(
            Generation(prompt="What is 3 plus 4?", sampling=sampling, echo=True)
        )
    ]

    assert isinstance(items[0], PromptEcho)
    assert len(items[0].logprobs) > 3
    assert decoded == []
