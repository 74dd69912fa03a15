"""vLLM's renderer, but short prompts are rendered inline instead of in its thread pool.

Long prompts are rendered in a thread of ours, prompts with media in vLLM's own threads. No prompt
that is longer than the context is tokenized.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from backends.vllm.tokenizer import Tokenizer

from .prompt_length import fit_to_context

T = TypeVar("T")

_SHORT = 4096
"""Characters of the longest prompt that is rendered on the event loop: a millisecond or two."""
_MESSAGE = 64
"""Characters that take as long to render as one message does apart from its text."""
_TOOL = 512
"""Characters that take as long to render as one tool: its name, description and schema."""


class PromptRenderer:
    """A proxy of vLLM's renderer with other threads, and a limit on what is tokenized.

    A thread costs some 250 µs of CPU a request, more than rendering a short prompt. vLLM's own
    threads only tokenize: it parses messages on the event loop, 3 µs for each. So a long prompt is
    rendered in our thread, by the methods that vLLM has for callers without an event loop. vLLM
    keeps one tokenizer for each thread, so that all ways can be used at once.
    """

    def __init__(self, renderer: Any, tokenizer: Tokenizer) -> None:
        """Take an engine's renderer (`vllm.renderers.BaseRenderer`), and the tokenizer to count."""
        self._renderer = renderer
        self._methods = type(renderer)
        self._tokenizer = tokenizer
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="renderer")

    def __getattr__(self, name: str) -> Any:
        """Return vLLM's own attribute for everything that is not defined here."""
        return getattr(self._renderer, name)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Return the result of *work*, which runs in the thread after all earlier work."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # vLLM's methods are called with this object as `self`, so that they use `tokenize_prompts` and
    # `tokenize_prompts_async` of this class.

    async def render_chat_async(
        self, conversations: Any, params: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the prompts of *conversations*, lists of messages as vLLM's chat server has them.

        *params* is a `vllm.renderers.ChatParams`. Raises PromptTooLong and what vLLM raises.
        """
        messages = [message for messages in conversations for message in messages]
        if not all(isinstance(message.get("content") or "", str) for message in messages):
            # vLLM fetches media on the event loop.
            return await self._methods.render_chat_async(
                self, conversations, params, *args, **kwargs
            )
        render = partial(self._methods.render_chat, self, conversations, params, *args, **kwargs)
        return render() if _are_short(messages, params) else await self.in_thread(render)

    async def render_cmpl_async(self, prompts: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the rendered form of *prompts*, which are parsed as by vLLM's text server.

        Raises PromptTooLong and what vLLM raises.
        """
        render = partial(self._methods.render_cmpl, self, prompts, *args, **kwargs)
        short = all(len(prompt.get("prompt") or ()) <= _SHORT for prompt in prompts)
        return render() if short else await self.in_thread(render)

    def tokenize_prompts(self, prompts: Any, params: Any) -> Any:
        """Tokenize *prompts*; raise PromptTooLong for one that exceeds the context.

        *params* is a `vllm.renderers.TokenizeParams`.
        """
        self._fit(prompts, params)
        return self._renderer.tokenize_prompts(prompts, params)

    async def tokenize_prompts_async(self, prompts: Any, params: Any) -> Any:
        """Tokenize prompts with media; otherwise the same as `tokenize_prompts`."""
        await self.in_thread(partial(self._fit, prompts, params))
        return await self._renderer.tokenize_prompts_async(prompts, params)

    def _fit(self, prompts: Any, params: Any) -> None:
        for prompt in prompts:
            if isinstance(text := prompt.get("prompt"), str) and "prompt_token_ids" not in prompt:
                prompt["prompt"] = fit_to_context(text, params, self._tokenizer)


def is_short(messages: int, characters: int, *, tools: int = 0) -> bool:
    """Return whether so much is rendered in a millisecond or two.

    *characters* are those of the contents of the *messages*.
    """
    return characters + _MESSAGE * messages + _TOOL * tools <= _SHORT


def _are_short(messages: list[Any], params: Any) -> bool:
    """Return whether *messages* and the tools in *params* are rendered in a millisecond or two."""
    tools = params.chat_template_kwargs.get("tools") or ()
    characters = sum(len(message.get("content") or "") for message in messages)
    return is_short(len(messages), characters, tools=len(tools)) and len(str(tools)) <= _SHORT
