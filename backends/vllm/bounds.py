"""How large a constraint may be: vLLM compiles it in this process, and some it does not survive.

A pattern of 50,000 nested groups ends xgrammar, and the server with it; 100,000 alternatives keep
it for most of a minute. The bounds are far above what people and harnesses write.
"""

from collections.abc import Iterator
from typing import Any

from backends.base import Generation
from backends.conversation import Conversation
from backends.failures import InvalidOption

_VALUES = 10_000
_LETTERS = 100_000
_GROUPS = 100
"""Brackets that are open at once, in any of the texts."""


def check_constraints(generation: Generation) -> None:
    """Raise InvalidOption for a constraint beyond the bounds, naming its option."""
    for option, constraint in _constraints(generation):
        texts = list(_texts(constraint))
        if (
            len(texts) > _VALUES
            or sum(map(len, texts)) > _LETTERS
            or any(_open_at_once(text) > _GROUPS for text in texts)
        ):
            raise InvalidOption(
                f"`{option}` is too large: at most {_VALUES} values of {_LETTERS} characters "
                f"together, and {_GROUPS} nested groups.",
                option=option,
            )


def _constraints(generation: Generation) -> Iterator[tuple[str, Any]]:
    if generation.format is not None:
        yield "response_format", generation.format.schema
    yield "structured_outputs", generation.extras.get("structured_outputs")
    if isinstance(generation.prompt, Conversation):
        for at, tool in enumerate(generation.prompt.tools):
            yield f"tools[{at}].function.parameters", tool.parameters


def _texts(value: Any) -> Iterator[str]:
    """Yield every key and every value in *value*, as texts; no deeper than the JSON was."""
    left = [value]
    while left:
        match left.pop():
            case dict() as table:
                yield from table
                left += table.values()
            case list() as items:
                left += items
            case other:
                yield str(other)


def _open_at_once(text: str) -> int:
    deepest = depth = 0
    for letter in text:
        if letter in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in ")]}":
            depth -= 1
    return deepest
