"""Where prompts are rendered: short ones at once, all others in vLLM's threads."""

from typing import Any

_SHORT = 4096
"""Characters that are rendered and tokenized within a millisecond or two."""


class PromptRenderer:
    """vLLM's renderer, which saves short texts the way through its threads.

    That way costs some 250 µs of CPU a request, more than the work itself. vLLM keeps a tokenizer
    for each thread, so that both ways may be taken at once.
    """

    def __init__(self, renderer: Any) -> None:
        self._renderer = renderer

    def __getattr__(self, name: str) -> Any:
        """Be vLLM's renderer in all else."""
        return getattr(self._renderer, name)

    async def render_chat_async(self, conversations: Any, *options: Any, **more: Any) -> Any:
        """Render *conversations*, messages as vLLM's chat server takes them."""
        if _is_short(message for messages in conversations for message in messages):
            return self._renderer.render_chat(conversations, *options, **more)
        return await self._renderer.render_chat_async(conversations, *options, **more)

    async def render_cmpl_async(self, prompts: Any, *options: Any, **more: Any) -> Any:
        """Render *prompts*, parsed as vLLM's text server does it."""
        if all(len(prompt.get("prompt") or ()) <= _SHORT for prompt in prompts):
            return self._renderer.render_cmpl(prompts, *options, **more)
        return await self._renderer.render_cmpl_async(prompts, *options, **more)


def _is_short(messages: Any) -> bool:
    """Return whether *messages* are short, and texts alone: media are fetched and decoded."""
    total = 0
    for message in messages:
        content = message.get("content") or ""
        if not isinstance(content, str):
            return False
        total += len(content)
    return total <= _SHORT
