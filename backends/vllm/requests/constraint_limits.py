"""Size limits for schemas and patterns. vLLM compiles them in this process, and may crash it.

A pattern of 50,000 nested groups crashes xgrammar, and the server with it; 100,000 alternatives
keep it busy for most of a minute. The limits are far above what people and harnesses write.
"""

from collections.abc import Iterator
from typing import Any

from backends.base import Generation
from backends.conversation import Conversation
from backends.failures import InvalidOption

_VALUES = 10_000
"""The most keys and values of a constraint."""
_CHARACTERS = 100_000
"""The most characters in all keys and values of a constraint together."""
_GROUPS = 100
"""The most brackets that are open at once in one key or value."""


def check_constraints(generation: Generation) -> None:
    """Raise InvalidOption, with its option, for a constraint that exceeds the limits."""
    for option, constraint, size in _constraints(generation):
        if not all(map(size.admits, _texts(constraint))):
            raise InvalidOption(
                f"`{option}` is too large: at most {_VALUES} values of {_CHARACTERS} characters "
                f"together, and {_GROUPS} nested groups.",
                option=option,
            )


class _Size:
    """Adds up the size of one constraint."""

    def __init__(self) -> None:
        self._values = self._characters = 0

    def admits(self, text: str) -> bool:
        """Add *text*; return whether the sum is still within the limits."""
        self._values += 1
        self._characters += len(text)
        # In this order: a text that is too long is not read.
        within = self._values <= _VALUES and self._characters <= _CHARACTERS
        return within and _open_at_once(text) <= _GROUPS


def _constraints(generation: Generation) -> Iterator[tuple[str, Any, _Size]]:
    if generation.format is not None:
        yield "response_format", generation.format.schema, _Size()
    yield "structured_outputs", generation.engine_options.get("structured_outputs"), _Size()
    if isinstance(generation.prompt, Conversation):
        shared = _Size()
        for index, tool in enumerate(generation.prompt.tools):
            # All compiled tools become one grammar; the others are only shown to the model.
            compiled = tool.strict or generation.prompt.tool_choice == "required"
            size = shared if compiled else _Size()
            yield f"tools[{index}].function.parameters", tool.parameters, size


def _texts(value: Any) -> Iterator[str]:
    """Yield every key and every scalar in *value*, as texts."""
    stack = [value]
    while stack:
        match stack.pop():
            case dict() as table:
                yield from table
                stack += table.values()
            case list() as items:
                stack += items
            case scalar:
                yield str(scalar)


def _open_at_once(text: str) -> int:
    deepest = depth = 0
    for letter in text:
        if letter in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in ")]}":
            depth -= 1
    return deepest
