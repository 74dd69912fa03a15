"""What cannot be answered is refused by meaning, at the first item."""

from typing import Any

import pytest

from backends.base import ChatBackend, Generation, Sampling
from backends.conversation import Conversation, Message
from backends.failures import InvalidOption, PromptTooLong
from tests.backends.vllm.dialogue import ask, finish, generation

WRONG: list[tuple[str, Any]] = [
    ("temperature", -1.0),
    ("temperature", 2.5),
    ("top_p", 0.0),
    ("top_k", -5),
    ("min_p", 2.0),
    ("presence_penalty", 3.0),
    ("frequency_penalty", -3.0),
    ("repetition_penalty", 0.0),
    ("n", 0),
    ("n", 10**9),
    ("seed", 2**70),
    ("stop", ("",)),
    ("logit_bias", {10**6: 1.0}),
    ("top_logprobs", 21),
]


@pytest.mark.parametrize(("option", "value"), WRONG)
async def test_a_wrong_value_names_its_option(
    backend: ChatBackend, option: str, value: object
) -> None:
    """InvalidOption carries the field of Sampling that is at fault."""
    with pytest.raises(InvalidOption) as refusal:
        await anext(backend.generate(generation(**{option: value})))

    assert refusal.value.option == option


async def test_a_prompt_beyond_the_context(backend: ChatBackend) -> None:
    """The refusal tells the context's size, in the words that harnesses look for."""
    with pytest.raises(PromptTooLong, match=f"maximum context length is {backend.max_model_len} "):
        await anext(backend.generate(generation("one " * backend.max_model_len)))


async def test_a_completion_beyond_the_context(backend: ChatBackend) -> None:
    """Prompt and requested completion count together; vLLM's server would cut the completion."""
    prompt = finish(await ask(backend, "Hi")).prompt_tokens
    rest = backend.max_model_len - prompt

    fits = await ask(backend, "Hi", max_tokens=rest, temperature=0.0)
    with pytest.raises(PromptTooLong, match=rf"{prompt} in the messages, {rest + 1} in the"):
        await anext(backend.generate(generation("Hi", max_tokens=rest + 1)))

    assert finish(fits).reason == "stop"


async def test_parts_and_names_are_messages_too(backend: ChatBackend) -> None:
    """A content of several texts, a name and a system turn reach the template."""
    messages = (
        Message(role="system", content="Be concise."),
        Message(role="user", content=("What is 3", "plus 4?"), name="ada"),
    )

    items = [
        i
        async for i in backend.generate(
            Generation(prompt=Conversation(messages), sampling=Sampling())
        )
    ]

    assert finish(items).prompt_tokens > finish(await ask(backend, "Hi")).prompt_tokens
