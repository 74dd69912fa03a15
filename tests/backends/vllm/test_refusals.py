"""What cannot be answered is refused by meaning, at the first item."""

from typing import Any

import pytest
from msgspec.structs import replace

from backends.base import ChatBackend, EngineExtras, Generation, Sampling
from backends.conversation import Conversation, Message
from backends.failures import InvalidOption, PromptTooLong
from tests.backends.vllm.dialogue import ask, finish, generation

WRONG: list[tuple[str, Any]] = [
    ("temperature", -1.0),
    ("temperature", 2.5),
    ("top_p", -0.1),
    ("top_p", 1.5),
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


@pytest.mark.parametrize("words", [2048, 4096, 4_000_000], ids=["some", "more", "millions"])
@pytest.mark.parametrize("kind", ["chat", "text", "ids"])
async def test_a_prompt_beyond_the_context(backend: ChatBackend, kind: str, words: int) -> None:
    """The refusal names the context's size, in the words that harnesses look for.

    Some are tokenized whole, more are counted in pieces, millions are refused by their size.
    """
    request = generation("one " * words)
    if kind != "chat":
        request = replace(request, prompt="one " * words if kind == "text" else (7,) * (words + 1))

    with pytest.raises(PromptTooLong, match=f"maximum context length is {backend.max_model_len} "):
        await anext(backend.generate(request))


@pytest.mark.parametrize("side", ["left", "right", None])
async def test_a_long_prompt_that_is_truncated(backend: ChatBackend, side: str | None) -> None:
    """Of millions of words the tokens at the named end are continued."""
    words = "one " * 1_000_000
    extras = {"truncate_prompt_tokens": 3, "truncation_side": side, "return_token_ids": True}
    request = Generation(
        prompt=f"What is{words}plus", sampling=Sampling(max_tokens=1), engine_options=extras
    )

    first, *_ = [item async for item in backend.generate(request)]

    assert isinstance(first, EngineExtras)
    text = await backend.detokenize(tuple(first.values["prompt_token_ids"]))
    # vLLM has tokenizers of models that generate cut on the left.
    assert text.startswith("What is") if side == "right" else text.endswith("plus")


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
