"""vLLM's errors become ours: which option, and why."""

from importlib import import_module
from typing import Any

import pytest

from backends.failures import InvalidRequest

pytestmark = pytest.mark.usefixtures("requires_vllm")

MESSAGES = [{"role": "user", "content": "a"}]


def refused(**fields: Any) -> InvalidRequest:
    """Return our error for a chat with *fields*, which vLLM's own type refuses."""
    chat = import_module("vllm.entrypoints.openai.chat_completion.protocol")
    pydantic = import_module("pydantic")
    with pytest.raises(pydantic.ValidationError) as refusal:
        chat.ChatCompletionRequest(messages=MESSAGES, **fields)
    error: InvalidRequest = import_module("backends.vllm.failures").invalid_request(refusal.value)
    return error


@pytest.mark.parametrize(
    ("fields", "option", "words"),
    [
        ({"stop": ["a"] * 5}, "stop", "stop: List should have at most 4 items"),
        ({"stop": ["a", 1]}, "stop", r"stop\[1\]: Input should be a valid string"),
        ({"structured_outputs": {"choice": ["a", 1]}}, "structured_outputs", r"choice\[1\]: Input"),
        ({"structured_outputs": {"json": 1}}, "structured_outputs", "string or: .* dictionary"),
        ({"documents": [{"a": 1}]}, "documents", r"documents\[0\].a: Input"),
        ({"seed": 2**63}, "seed", "less than or equal"),
    ],
)
def test_the_branch_that_fits(fields: dict[str, Any], option: str, words: str) -> None:
    """In a union the fault of the type that fits best is reported, with its path."""
    refusal = refused(**fields)

    assert refusal.option == option
    with pytest.raises(InvalidRequest, match=words):
        raise refusal


def test_the_reason_of_a_refusal() -> None:
    """If vLLM's message does not give it, the message of its cause is added."""
    error = import_module("vllm.exceptions").VLLMValidationError("Invalid grammar.")
    error.__cause__ = ValueError("line 1: expected an element")

    refusal = import_module("backends.vllm.failures").invalid_request(
        error, default_option="structured_outputs"
    )

    assert str(refusal) == "Invalid grammar. line 1: expected an element"
    assert refusal.option == "structured_outputs"


def test_flags_are_named_as_options() -> None:
    """A flag of vLLM's server is an option of the model here."""
    error = import_module("vllm.exceptions").VLLMValidationError(
        "thinking_token_budget is set: set --reasoning-parser and/or --reasoning-config first."
    )

    refusal = import_module("backends.vllm.failures").invalid_request(error)

    assert "set `reasoning_parser` and/or `reasoning_config` first" in str(refusal)


def test_no_paths_and_no_traces() -> None:
    """What vLLM's errors say of this machine is not in ours, however the error is caused."""
    error = import_module("vllm.exceptions").VLLMValidationError("Cannot load the image.")
    error.__cause__ = OSError("no file /models/secret/a.png, <BytesIO object at 0x7f00>")

    refusal = import_module("backends.vllm.failures").invalid_request(error)

    assert str(refusal) == "Cannot load the image. no file <path>, <BytesIO object>"


def test_long_messages_are_cut() -> None:
    """A message that repeats a long request is cut before its paths are looked for."""
    sanitized = import_module("backends.vllm.failures").sanitized

    assert len(sanitized("/a" * 1_000_000)) < 1300
