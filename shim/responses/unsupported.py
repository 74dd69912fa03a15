"""What requests for responses may ask for and is not here: refused by name."""

from shim.unsupported import refuse_asked

from .protocol import ResponsesRequest

_KEPT: dict[str, tuple[object, ...]] = {
    "previous_response_id": (),
    "conversation": (),
    "prompt": (),
    "background": (False,),
}
"""Parameters that need a server which keeps something, and the values that ask for nothing."""

_OTHERS: dict[str, tuple[object, ...]] = {
    "truncation": ("disabled",),
    "context_management": ([],),
    "moderation": (),
    # vLLM's for chats and texts: a response has no place for what they bring.
    "n": (1,),
    "prompt_logprobs": (),
    "return_token_ids": (False,),
}
_OF_TEXT: dict[str, tuple[object, ...]] = {"verbosity": ("medium",)}
_OF_REASONING: dict[str, tuple[object, ...]] = {"mode": ("standard",), "context": ("auto",)}


def refuse_unsupported(request: ResponsesRequest) -> None:
    """Raise UnsupportedParameter for the first parameter that would change the answer."""
    refuse_asked(request, _KEPT, why=": it keeps nothing from one request to the next")
    refuse_asked(request, _OTHERS)
    refuse_asked(request.text, _OF_TEXT, within="text.")
    refuse_asked(request.reasoning, _OF_REASONING, within="reasoning.")
