"""Where prompts are rendered, and that none is tokenized that is longer than the context.

Short ones are rendered at once, long ones in a thread, those with media in vLLM's own threads.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from backends.vllm.tokenizer import Tokenizer

from .prompt_length import fit

T = TypeVar("T")

_SHORT = 4096
"""Characters that are rendered and tokenized within a millisecond or two."""
_A_MESSAGE = 64
"""Characters that take as long to render as what else there is to a message."""
_A_TOOL = 512
"""The same of a tool, which has a name, a description and a schema."""


class PromptRenderer:
    """vLLM's renderer with other threads, and a bound on what is tokenized.

    A thread costs some 250 µs of CPU a request, more than a short prompt itself. vLLM's own are
    for tokenizing alone: it parses messages on the event loop, 3 µs for each. So a long prompt is
    rendered by the steps that vLLM has for callers without an event loop. It keeps a tokenizer for
    each thread, so that all ways may be taken at once.
    """

    def __init__(self, renderer: Any, tokenizer: Tokenizer) -> None:
        self._renderer = renderer
        self._steps = type(renderer)
        self._tokenizer = tokenizer
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="renderer")

    def __getattr__(self, name: str) -> Any:
        """Be vLLM's renderer in all else."""
        return getattr(self._renderer, name)

    async def apart(self, work: Callable[[], T]) -> T:
        """Return what *work* returns, in the thread, after what waits for it already."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # vLLM's methods are called as this class's own, so that they come back for `tokenize_prompts`.

    async def render_chat_async(
        self, conversations: Any, params: Any, *more: Any, **to: Any
    ) -> Any:
        """Render *conversations*, messages as vLLM's chat server takes them."""
        messages = [message for messages in conversations for message in messages]
        if not all(isinstance(message.get("content") or "", str) for message in messages):
            # Media are fetched on the event loop.
            return await self._steps.render_chat_async(self, conversations, params, *more, **to)
        render = partial(self._steps.render_chat, self, conversations, params, *more, **to)
        return render() if _is_short(messages, params) else await self.apart(render)

    async def render_cmpl_async(self, prompts: Any, *more: Any, **to: Any) -> Any:
        """Render *prompts*, parsed as vLLM's text server does it."""
        render = partial(self._steps.render_cmpl, self, prompts, *more, **to)
        short = all(len(prompt.get("prompt") or ()) <= _SHORT for prompt in prompts)
        return render() if short else await self.apart(render)

    def tokenize_prompts(self, prompts: Any, params: Any) -> Any:
        """Tokenize *prompts*; raise PromptTooLong for those that exceed the context."""
        self._fit(prompts, params)
        return self._renderer.tokenize_prompts(prompts, params)

    async def tokenize_prompts_async(self, prompts: Any, params: Any) -> Any:
        """Do the same for prompts with media."""
        await self.apart(partial(self._fit, prompts, params))
        return await self._renderer.tokenize_prompts_async(prompts, params)

    def _fit(self, prompts: Any, params: Any) -> None:
        for prompt in prompts:
            if isinstance(text := prompt.get("prompt"), str) and "prompt_token_ids" not in prompt:
                prompt["prompt"] = fit(text, params, self._tokenizer)


def _is_short(messages: list[Any], params: Any) -> bool:
    """Return whether *messages* and the tools in *params* are rendered in a millisecond or two."""
    tools = params.chat_template_kwargs.get("tools") or ()
    total = _A_MESSAGE * len(messages) + _A_TOOL * len(tools)
    total += sum(len(message.get("content") or "") for message in messages)
    return total <= _SHORT and len(str(tools)) <= _SHORT
