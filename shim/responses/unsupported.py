"""What requests for responses may ask for and is not here: refused by name."""

from collections.abc import Mapping

from msgspec import Struct

from shim.errors import UnsupportedParameter

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
    _refuse(request, _KEPT, why=": it keeps nothing from one request to the next")
    _refuse(request, _OTHERS)
    _refuse(request.text, _OF_TEXT, within="text.")
    _refuse(request.reasoning, _OF_REASONING, within="reasoning.")


def _refuse(
    fields: Struct | None,
    harmless: Mapping[str, tuple[object, ...]],
    *,
    within: str = "",
    why: str = "",
) -> None:
    for name, values in harmless.items():
        value = getattr(fields, name, None)
        if value is not None and value not in values:
            param = f"{within}{name}"
            raise UnsupportedParameter(
                f"`{param}` is not supported by this server{why}.", param=param
            )
