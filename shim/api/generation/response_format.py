"""`response_format`: its wire types, and their translation to `JsonFormat`."""

from typing import Any

from msgspec import Struct

from backends.base import JsonFormat


class TextFormat(Struct, frozen=True, tag_field="type", tag="text"):
    """Text of any form."""


class JsonObjectFormat(Struct, frozen=True, tag_field="type", tag="json_object"):
    """A JSON object."""


class JsonSchema(Struct, frozen=True, kw_only=True):
    """A JSON Schema and its name."""

    name: str
    description: str | None = None
    schema: dict[str, Any]
    strict: bool | None = None


class JsonSchemaFormat(Struct, frozen=True, tag_field="type", tag="json_schema"):
    """A JSON value that satisfies a schema."""

    json_schema: JsonSchema


ResponseFormat = TextFormat | JsonObjectFormat | JsonSchemaFormat


def to_format(response_format: ResponseFormat | None) -> JsonFormat | None:
    """Translate *response_format*; None means text. A schema is enforced even if not `strict`."""
    match response_format:
        case None | TextFormat():
            return None
        case JsonObjectFormat():
            return JsonFormat()
        case JsonSchemaFormat(schema):
            return JsonFormat(schema=schema.schema, name=schema.name)
