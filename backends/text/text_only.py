"""Refuses, by name, every option that an engine cannot serve if it only continues text."""

from collections.abc import Iterator

from backends.base import Generation, Prompt
from backends.conversation import Conversation, Media, parts
from backends.failures import UnsupportedOption

_ALWAYS = {"skip_special_tokens": True}
"""Options with the only value that these engines can serve. The server does not drop that value as
a default: from vLLM 0.33 on, a model's generation config may set another one."""


def refuse_beyond_text(generation: Generation, *, engine: str) -> None:
    """Raise UnsupportedOption for the first option that needs more than to continue a text.

    *engine* is the engine's name in the message.
    """
    refuse_prompt_beyond_text(generation.prompt, engine=engine)
    for option in _options(generation):
        raise _refusal(option, engine)


def refuse_prompt_beyond_text(prompt: Prompt, *, engine: str) -> None:
    """Raise UnsupportedOption for tools, calls, media or `continue_final_message` in *prompt*."""
    if isinstance(prompt, Conversation):
        for option in _conversation_options(prompt):
            raise _refusal(option, engine)


def _options(generation: Generation) -> Iterator[str]:
    if generation.format is not None:
        yield "response_format"
    if generation.lora is not None:
        yield "model"
    for name, value in generation.engine_options.items():
        if name not in _ALWAYS or value != _ALWAYS[name]:
            yield name


def _conversation_options(conversation: Conversation) -> Iterator[str]:
    if conversation.tools and conversation.tool_choice != "none":
        yield "tools"
    if conversation.continue_final_message:
        yield "continue_final_message"
    for index, message in enumerate(conversation.messages):
        if message.tool_calls:
            yield f"messages[{index}].tool_calls"
        if any(isinstance(part, Media) for part in parts(message.content)):
            yield f"messages[{index}].content"


def _refusal(option: str, engine: str) -> UnsupportedOption:
    return UnsupportedOption(
        f"`{option}` is not supported by this model's engine ({engine}).", option=option
    )
