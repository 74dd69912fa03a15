"""Translates a request of `/tokenize` to a `Prompt`: pure functions, no I/O."""

from backends.base import Prompt
from backends.conversation import Conversation
from shim.api.generation.conversation import adds_generation_prompt, to_messages, to_tools
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
    continues = request.continue_final_message
    opens_answer = adds_generation_prompt(add=request.add_generation_prompt, continues=continues)
    return Conversation(
        messages=to_messages(prompt or ()),
        tools=to_tools(request.tools),
        add_generation_prompt=opens_answer,
        continue_final_message=bool(continues),
        template_kwargs=request.chat_template_kwargs or {},
    )
