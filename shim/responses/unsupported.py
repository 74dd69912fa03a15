"""What requests for responses may ask for and is not here: refused by name."""

from collections.abc import Mapping

from msgspec import Struct

from shim.errors import UnsupportedParameter

from .protocol import ResponsesRequest

_HARMLESS: dict[str, tuple[object, ...]] = {
    # Nothing is kept from one request to the next.
    "previous_response_id": (),
    "conversation": (),
    "prompt": (),
    "background": (False,),
    # Nothing of a conversation is left out.
    "truncation": ("disabled",),
    "context_management": ([],),
    "moderation": (),
    # vLLM's for chats and texts: a response has no place for what they bring.
    "n": (1,),
    "prompt_logprobs": (),
    "return_token_ids": (False,),
}
"""Parameters that are known and not honoured, and the values by which nothing is asked for."""

_OF_TEXT = {"verbosity": ("medium",)}
_OF_REASONING = {"mode": ("standard",), "context": ("auto",)}


def refuse_unsupported(request: ResponsesRequest) -> None:
    """Raise UnsupportedParameter for the first parameter that would change the answer."""
    _refuse(request, _HARMLESS, "")
    _refuse(request.text, _OF_TEXT, "text.")
    _refuse(request.reasoning, _OF_REASONING, "reasoning.")


def _refuse(fields: Struct | None, harmless: Mapping[str, tuple[object, ...]], within: str) -> None:
    for name, values in harmless.items():
        value = getattr(fields, name, None)
        if value is not None and value not in values:
            param = f"{within}{name}"
            raise UnsupportedParameter(f"`{param}` is not supported by this server.", param=param)
