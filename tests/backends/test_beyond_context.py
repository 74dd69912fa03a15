"""A completion that does not fit the context: refused, or shortened if the model is set so."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace

from backends.base import ChatBackend, Finish, Generation, Prompt, PromptEcho, Sampling
from backends.conversation import Conversation, Message
from backends.failures import PromptTooLong
from backends.registry import adapter
from tests.backends.opener import CONFIGS, Opener

HUGE = 10_000_000
CHAT = Conversation((Message(role="user", content="Count to ten"),))
PROMPTS: dict[str, Prompt] = {"chat": CHAT, "text": "Count to ten", "ids": (5, 6, 7)}


@pytest_asyncio.fixture(params=["ct2", "vllm"])
async def shortens(request: pytest.FixtureRequest, opener: Opener) -> AsyncIterator[ChatBackend]:
    """Each engine, configured to shorten completions."""
    config: Any = replace(CONFIGS[request.param], max_tokens_beyond_context="shorten")
    if request.param == "vllm":
        # Over the engine that runs: to start another takes half a minute.
        running: Any = await opener.open("vllm")
        yield type(running)(config, running._engine)
        return
    async with adapter(config) as backend:
        assert isinstance(backend, ChatBackend)
        yield backend


@pytest_asyncio.fixture(params=["ct2", "vllm"])
async def refuses(request: pytest.FixtureRequest, opener: Opener) -> Any:
    """Each engine as it is."""
    return await opener.open(request.param)


async def end(backend: ChatBackend, prompt: Prompt, **sampling: Any) -> Finish:
    """Return how a greedy completion ends."""
    request = Generation(prompt=prompt, sampling=Sampling(temperature=0, **sampling))
    *_, last = [item async for item in backend.generate(request)]
    assert isinstance(last, Finish)
    return last


@pytest.mark.parametrize("kind", PROMPTS)
async def test_a_completion_that_is_cut(shortens: ChatBackend, kind: str) -> None:
    """Its limit is the number of tokens that the context has room for."""
    prompt = PROMPTS[kind]
    left = shortens.max_model_len - len(await shortens.tokenize(prompt))

    found = await end(shortens, prompt, max_tokens=HUGE)

    assert found == await end(shortens, prompt, max_tokens=left)


async def test_a_full_context(shortens: ChatBackend) -> None:
    """A completion that fills the context ends with the reason `length`."""
    length = shortens.max_model_len - 2
    prompt = tuple((await shortens.tokenize(CHAT) * length)[-length:])

    finish = await end(shortens, prompt, max_tokens=HUGE)

    assert (finish.reason, finish.completion_tokens) == ("length", 2)


async def test_what_fits_is_not_touched(shortens: ChatBackend) -> None:
    """A limit within the context is the limit."""
    finish = await end(shortens, CHAT, max_tokens=2)

    assert (finish.reason, finish.completion_tokens) == ("length", 2)


@pytest.mark.parametrize("max_tokens", [None, 1, HUGE])
async def test_a_prompt_that_fills_the_context(
    shortens: ChatBackend, max_tokens: int | None
) -> None:
    """A prompt without room for a single token after it is refused nevertheless."""
    prompt = (5,) * shortens.max_model_len

    with pytest.raises(PromptTooLong, match="maximum context length") as error:
        await end(shortens, prompt, max_tokens=max_tokens)

    assert error.value.option == "messages"


async def test_an_echo_alone(shortens: ChatBackend) -> None:
    """With a limit of 0 nothing is generated."""
    request = Generation(prompt="one two", sampling=Sampling(max_tokens=0), echo=True)

    echo, finish = [item async for item in shortens.generate(request)]

    assert isinstance(echo, PromptEcho)
    assert isinstance(finish, Finish)
    assert (finish.reason, finish.completion_tokens) == ("length", 0)


@pytest.mark.parametrize("kind", PROMPTS)
async def test_the_default(refuses: ChatBackend, kind: str) -> None:
    """Without the setting it is refused in OpenAI's words, with the number of tokens requested."""
    with pytest.raises(PromptTooLong, match=r"maximum context length .* requested 1000") as error:
        await end(refuses, PROMPTS[kind], max_tokens=HUGE)

    assert error.value.option == "max_tokens"
