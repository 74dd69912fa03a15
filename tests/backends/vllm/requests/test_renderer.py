"""Which work is done on the event loop, and which in threads, without an engine."""

import asyncio
import threading
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from backends.base import Generation, Sampling
from backends.failures import PromptTooLong

pytestmark = pytest.mark.usefixtures("requires_vllm")


class Renderer:
    """vLLM's renderer: it notes in which threads its steps are taken."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    def render_chat(self, conversations: Any, _: Any, tokens: Any) -> Any:
        """Render, as vLLM does without an event loop."""
        text = "".join(message["content"] for messages in conversations for message in messages)
        return self.tokenize_prompts([{"prompt": text}], tokens)

    async def render_chat_async(self, _: Any, __: Any, tokens: Any) -> Any:
        """Render, as vLLM does with media."""
        return await self.tokenize_prompts_async([{"prompt": "x" * 9000}], tokens)

    def render_cmpl(self, prompts: Any, tokens: Any) -> Any:
        """Render texts."""
        return self.tokenize_prompts(prompts, tokens)

    def tokenize_prompts(self, prompts: Any, _: Any) -> Any:
        """Note the thread."""
        self.threads.append(threading.current_thread().name)
        return prompts

    async def tokenize_prompts_async(self, prompts: Any, _: Any) -> Any:
        """Note that vLLM tokenizes in its own threads."""
        self.threads.append("vLLM's")
        return prompts


class Tokenizer:
    """A tokenizer of a token per character, which notes in which thread it counts."""

    truncates_left = False
    max_chars_per_token = 10_000

    def __init__(self) -> None:
        self.threads: set[str] = set()

    def count(self, text: str) -> int:
        """Return the number of characters."""
        self.threads.add(threading.current_thread().name)
        return len(text)


def made() -> tuple[Any, Renderer, Tokenizer]:
    """Return a renderer of ours over those."""
    renderer, tokenizer = Renderer(), Tokenizer()
    ours = import_module("backends.vllm.requests.renderer").PromptRenderer(renderer, tokenizer)
    return ours, renderer, tokenizer


def limits(tokens: int = 100_000) -> Any:
    """Return vLLM's limits for a context of so many *tokens*."""
    return import_module("vllm.renderers").TokenizeParams(max_total_tokens=tokens)


def chat(content: Any, *, messages: int = 1) -> list[list[dict[str, Any]]]:
    """Return a conversation as vLLM takes it."""
    return [[{"role": "user", "content": content}] * messages]


def tools(count: int, *, description: str = "") -> Any:
    """Return the parameters with which vLLM renders a template for so many tools."""
    tool = {"type": "function", "function": {"name": "f", "description": description}}
    return SimpleNamespace(chat_template_kwargs={"tools": [tool] * count})


@pytest.mark.parametrize(
    ("conversation", "params", "thread"),
    [
        (chat("Hi"), tools(0), "MainThread"),
        (chat("Hi"), tools(2), "MainThread"),
        (chat("x" * 5000), tools(0), "renderer_0"),
        (chat("", messages=200), tools(0), "renderer_0"),
        (chat("Hi"), tools(20), "renderer_0"),
        (chat("Hi"), tools(1, description="x" * 5000), "renderer_0"),
        (chat([{"type": "image_url"}]), tools(0), "vLLM's"),
    ],
    ids=["short", "with tools", "long", "messages", "tools", "a tool", "media"],
)
async def test_where_a_chat_is_rendered(conversation: Any, params: Any, thread: str) -> None:
    """On the event loop only if that takes no longer than a thread would."""
    ours, renderer, _ = made()

    await ours.render_chat_async(conversation, params, limits())

    assert renderer.threads == [thread]


@pytest.mark.parametrize(("length", "thread"), [(100, "MainThread"), (5000, "renderer_0")])
async def test_where_a_text_is_rendered(length: int, thread: str) -> None:
    """The same holds for text completions."""
    ours, renderer, _ = made()

    await ours.render_cmpl_async([{"prompt": "x" * length}], limits())

    assert renderer.threads == [thread]


@pytest.mark.parametrize("content", ["x" * 9000, [{"type": "image_url"}]], ids=["text", "media"])
async def test_where_tokens_are_counted(content: Any) -> None:
    """In the thread, with media too; what is too long never reaches vLLM's tokenizer."""
    ours, renderer, tokenizer = made()

    with pytest.raises(PromptTooLong):
        await ours.render_chat_async(chat(content), tools(0), limits(tokens=1000))

    assert tokenizer.threads == {"renderer_0"}
    assert renderer.threads == []


async def test_two_long_jobs_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts are tokenized in two threads, however many wait, and after one was cancelled."""
    module = import_module("backends.vllm.tokenizer")
    running, most, started, go_on = 0, 0, threading.Semaphore(0), threading.Event()

    def encode(text: str, **_: Any) -> list[int]:
        nonlocal running, most
        if text:
            running += 1
            most = max(most, running)
            started.release()
            go_on.wait()
            running -= 1
        return [len(text)]

    theirs = SimpleNamespace(encode=encode, max_token_id=9)
    monkeypatch.setattr(module, "cached_tokenizer_from_config", lambda _: theirs)
    tokenizer = module.Tokenizer(SimpleNamespace(get_vocab_size=lambda: 9))
    gone = asyncio.create_task(tokenizer.encode("x" * 5000, add_special_tokens=True))
    await asyncio.to_thread(started.acquire)
    gone.cancel()

    jobs = [
        asyncio.create_task(tokenizer.encode("x" * 5000, add_special_tokens=True)) for _ in range(5)
    ]
    await asyncio.to_thread(started.acquire)
    # Short ones do not wait.
    assert await tokenizer.encode("", add_special_tokens=True) == [0]
    go_on.set()

    assert await asyncio.gather(*jobs) == [[5000]] * 5
    assert most == 2


async def test_a_constraint_is_compiled_once_and_apart() -> None:
    """In a thread, which vLLM would do on the event loop when it takes the request."""
    SamplingParams = import_module("vllm.sampling_params").SamplingParams  # noqa: N806
    wanted = import_module("vllm.sampling_params").StructuredOutputsParams(regex="a+")
    calls: list[str] = []

    class Noted(SamplingParams):  # type: ignore[misc, valid-type]
        """Parameters that note where they are verified."""

        def verify(self, *_: Any) -> None:
            calls.append(threading.current_thread().name)

    config = SimpleNamespace(
        model_config=None,
        speculative_config=None,
        structured_outputs_config=import_module("vllm.config").StructuredOutputsConfig(),
    )
    verifier = import_module("backends.vllm.requests.verification").ConstraintVerifier(
        config, None, enforces_all=True, max_spaces=1
    )
    constrained, free = Noted(structured_outputs=wanted), Noted()
    generation = Generation(prompt="a", sampling=Sampling())

    for params in (constrained, free):
        await verifier.verify(params, generation, option=None)
        params.verify(None, None, None, None)

    assert calls == ["constraints_0", "MainThread"]
