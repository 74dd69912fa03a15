"""What chat requests may ask for and no backend here honours: refused by name."""

from shim.unsupported import refuse_asked

from .protocol import ChatRequest

_HARMLESS: dict[str, tuple[object, ...]] = {
    "functions": ([],),
    "function_call": ("none", "auto"),
    "modalities": ([], ["text"]),
    "audio": (),
    "verbosity": ("medium",),
    "web_search_options": (),
    "echo": (False,),
}
"""Parameters that are known and not honoured, and the values by which nothing is asked for."""


def refuse_unsupported(request: ChatRequest) -> None:
    """Raise UnsupportedParameter for the first parameter that would change the answer."""
    refuse_asked(request, _HARMLESS)
