"""For engines that only continue text: all that goes beyond is refused, by its name."""

from collections.abc import Iterator

from backends.base import Generation, Prompt
from backends.conversation import Conversation, Media, parts
from backends.failures import UnsupportedOption

_ALWAYS = {"skip_special_tokens": True}
"""What these engines do in any case. To vLLM it is more than its absence, which from 0.33 on leaves
it to the model's generation config."""


def refuse_beyond_text(generation: Generation, *, engine: str) -> None:
    """Raise UnsupportedOption for the first thing asked that takes more than continuing text."""
    refuse_prompt_beyond_text(generation.prompt, engine=engine)
    for option in _asked(generation):
        raise _refusal(option, engine)


def refuse_prompt_beyond_text(prompt: Prompt, *, engine: str) -> None:
    """Do so for what is in *prompt*."""
    if isinstance(prompt, Conversation):
        for option in _told(prompt):
            raise _refusal(option, engine)


def _asked(generation: Generation) -> Iterator[str]:
    if generation.format is not None:
        yield "response_format"
    if generation.adapter is not None:
        yield "model"
    for name, value in generation.extras.items():
        if name not in _ALWAYS or value != _ALWAYS[name]:
            yield name


def _told(conversation: Conversation) -> Iterator[str]:
    if conversation.tools and conversation.tool_choice != "none":
        yield "tools"
    if conversation.continue_final_message:
        yield "continue_final_message"
    for at, message in enumerate(conversation.messages):
        if message.tool_calls:
            yield f"messages[{at}].tool_calls"
        if any(isinstance(part, Media) for part in parts(message.content)):
            yield f"messages[{at}].content"


def _refusal(option: str, engine: str) -> UnsupportedOption:
    return UnsupportedOption(
        f"`{option}` is not supported by this model's engine ({engine}).", option=option
    )
