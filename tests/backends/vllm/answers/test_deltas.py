"""Outputs become deltas, and failures keep their meaning, without an engine."""

from types import SimpleNamespace
from typing import Any

import pytest

from backends.base import Finish, TextDelta
from backends.failures import EngineDead, InvalidOption, UnsupportedOption
from backends.vllm.answers.deltas import Choices
from backends.vllm.requests.engine_request import EngineRequest
from tests.backends.vllm.dialogue import generation


def choices_of(constraint: str | None = None) -> Choices:
    """Return the reader of a request without log probabilities."""
    unused: Any = None
    request = EngineRequest({}, params=unused, options={}, constraint=constraint)
    return Choices(request, generation(), logprobs=unused)


def output(text: str = "", *, tokens: int = 1, reason: str | None = None, **more: Any) -> Any:
    """Return what vLLM hands over at one step of choice 0."""
    choice = {
        "index": 0,
        "text": text,
        "token_ids": [7] * tokens,
        "logprobs": None,
        "stop_reason": None,
    }
    choice = SimpleNamespace(**{**choice, "finish_reason": reason, **more})
    return SimpleNamespace(outputs=[choice], prompt_token_ids=[1, 2, 3])


def test_the_last_piece_comes_before_the_end() -> None:
    """A step that both adds text and ends is a TextDelta and a Finish that counts all tokens."""
    choices = choices_of()
    list(choices.items(output("a", tokens=2)))

    assert list(choices.items(output("b", reason="length"))) == [
        TextDelta(index=0, text="b"),
        Finish(index=0, reason="length", prompt_tokens=3, completion_tokens=3),
    ]


def test_a_token_without_text() -> None:
    """Half a character is held back by vLLM: that output makes no item."""
    assert list(choices_of().items(output())) == []


@pytest.mark.parametrize("reason", ["abort", "error"])
def test_an_end_by_the_engine_itself(reason: str) -> None:
    """Nobody but us aborts: such an end is a failure and not an answer cut short."""
    with pytest.raises(EngineDead, match=reason):
        list(choices_of().items(output("half", reason=reason)))


def test_an_end_without_a_token_to_draw() -> None:
    """Where the request constrains what may be drawn, `error` is its own contradiction."""
    choices = choices_of(constraint="response_format")

    with pytest.raises(InvalidOption) as refusal:
        list(choices.items(output("half", reason="error")))

    assert refusal.value.option == "response_format"


def test_an_end_by_repetition() -> None:
    """An answer that `repetition_detection` ends has stopped, and its `stop_reason` says so."""
    ended = output("a", reason="repetition", stop_reason="repetition_detected")

    *_, end = choices_of().items(ended)

    assert isinstance(end, Finish)
    assert (end.reason, end.stop_reason) == ("stop", "repetition_detected")


@pytest.mark.usefixtures("requires_vllm")
def test_a_value_that_the_engine_cannot_honour() -> None:
    """A valid value that this engine cannot honour is unsupported, not invalid."""
    from vllm.exceptions import VLLMValidationError  # noqa: PLC0415 - may not be installed

    from backends.vllm.failures import invalid_request  # noqa: PLC0415 - imports vLLM

    refusal = invalid_request(
        VLLMValidationError("min_p is not yet supported with speculative decoding")
    )

    assert isinstance(refusal, UnsupportedOption)
    assert refusal.option == "min_p"
