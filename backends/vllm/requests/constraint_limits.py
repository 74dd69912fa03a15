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
    for option, constraint, size in _constraints(generation):
        if not all(map(size.admits, _texts(constraint))):
            raise InvalidOption(
                f"`{option}` is too large: at most {_VALUES} values of {_LETTERS} characters "
                f"together, and {_GROUPS} nested groups.",
                option=option,
            )


class _Size:
    """The size of what has been read of a constraint."""

    def __init__(self) -> None:
        self._values = self._letters = 0

    def admits(self, text: str) -> bool:
        """Add *text*; return whether all is within the bounds still."""
        self._values += 1
        self._letters += len(text)
        # In this order: what is too long is not read.
        within = self._values <= _VALUES and self._letters <= _LETTERS
        return within and _open_at_once(text) <= _GROUPS


def _constraints(generation: Generation) -> Iterator[tuple[str, Any, _Size]]:
    if generation.format is not None:
        yield "response_format", generation.format.schema, _Size()
    yield "structured_outputs", generation.extras.get("structured_outputs"), _Size()
    if isinstance(generation.prompt, Conversation):
        together = _Size()
        for at, tool in enumerate(generation.prompt.tools):
            # One grammar is made of all that are compiled; the others are only shown to the model.
            compiled = tool.strict or generation.prompt.tool_choice == "required"
            size = together if compiled else _Size()
            yield f"tools[{at}].function.parameters", tool.parameters, size


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
