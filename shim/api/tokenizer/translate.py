"""Translates a request of `/tokenize` to a `Prompt`: pure functions, no I/O."""

from backends.base import Prompt
from backends.conversation import Conversation
from shim.api.generation.conversation import to_messages, to_tools
from shim.errors import InvalidParameter

from .protocol import TokenizeRequest


def to_prompt(request: TokenizeRequest) -> Prompt:
    """Return the text or the conversation of *request*.

    Raises InvalidParameter unless it has either `prompt` or `messages`, and for an invalid message.
    """
    if (request.prompt is None) == (request.messages is None):
        raise InvalidParameter("Give either `prompt` or `messages`.", param="prompt")
    prompt = request.prompt if request.messages is None else request.messages
    if isinstance(prompt, str):
        return prompt
    if request.continue_final_message and request.add_generation_prompt:
        raise InvalidParameter(
            "`continue_final_message` and `add_generation_prompt` exclude each other.",
            param="continue_final_message",
        )
    return Conversation(
        messages=to_messages(prompt or ()),
        tools=to_tools(request.tools),
        add_generation_prompt=not request.continue_final_message
        and request.add_generation_prompt is not False,
        continue_final_message=bool(request.continue_final_message),
        template_kwargs=request.chat_template_kwargs or {},
    )
