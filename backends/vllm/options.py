"""A model's options: what vLLM's engine takes, and what its own server takes beside that."""

import dataclasses
from typing import Any

from msgspec import Struct, convert, structs


class ServerOptions(Struct, frozen=True, kw_only=True):
    """Arguments of vLLM's server that concern chats, by its names and with its defaults."""

    tool_call_parser: str | None = None
    """The name of the parser that finds tool calls in a text; tools may be called only with one."""
    tool_strict_level: str = "auto"
    exclude_tools_when_tool_choice_none: bool = False
    chat_template: str | None = None
    """A file, or the template itself."""
    chat_template_content_format: str = "auto"
    trust_request_chat_template: bool = False
    default_chat_template_kwargs: dict[str, Any] | None = None


_NAMES = {field.name for field in structs.fields(ServerOptions)}


def split(options: dict[str, Any]) -> tuple[dict[str, Any], ServerOptions]:
    """Return the engine's arguments, which it judges itself, and the server's.

    Raises msgspec.ValidationError for a wrong one of the latter.
    """
    server = {name: value for name, value in options.items() if name in _NAMES}
    engine = {name: value for name, value in options.items() if name not in _NAMES}
    return engine, convert(server, ServerOptions)


def built(options: dict[str, Any], kind: type) -> dict[str, Any]:
    """Return *options* with tables made into the objects that the dataclass *kind* has for them.

    vLLM does so itself for some of its arguments only. Raises what the objects' classes raise.
    """
    made = dict(options)
    for field in dataclasses.fields(kind):
        given = options.get(field.name)
        if isinstance(given, dict) and field.default_factory is not dataclasses.MISSING:
            config = type(field.default_factory())
            if hasattr(config, "__dataclass_fields__"):
                made[field.name] = config(**given)
    return made
