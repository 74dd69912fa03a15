"""Reads the calls of tools in a chat completion, whole or from the pieces of a stream."""

from typing import Any

from evals.result import ToolCall


class Calls:
    """The calls of one answer, in the order of their indices.

    The SDK does not check what it reads, so a field may be missing. A call of a tool that is not a
    function has the name "" and the arguments "".
    """

    def __init__(self) -> None:
        self._parts: dict[int, list[Any]] = {}

    def add(self, message: Any) -> None:
        """Add what *message*, a whole one or the delta of a stream, has of calls."""
        for place, call in enumerate(getattr(message, "tool_calls", None) or ()):
            index = getattr(call, "index", None)
            part = getattr(call, "function", None)
            self._parts.setdefault(place if index is None else index, []).append(part)

    def read(self) -> list[ToolCall] | None:
        """Return the calls, or None if there are none."""
        return [
            ToolCall(name=_joined(parts, "name"), arguments=_joined(parts, "arguments"))
            for _, parts in sorted(self._parts.items())
        ] or None


def _joined(parts: list[Any], name: str) -> str:
    return "".join(getattr(part, name, None) or "" for part in parts)
