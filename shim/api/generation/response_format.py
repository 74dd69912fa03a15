"""`response_format`: what form a generated text has to take."""

from typing import Any

from msgspec import Struct, field

from backends.base import JsonFormat


class TextFormat(Struct, frozen=True, tag_field="type", tag="text"):
    """Any text."""


class JsonObjectFormat(Struct, frozen=True, tag_field="type", tag="json_object"):
    """A JSON object."""


class JsonSchema(Struct, frozen=True, kw_only=True):
    """A schema with its name."""

    name: str
    description: str | None = None
    schema: dict[str, Any]
    strict: bool | None = None


class JsonSchemaFormat(Struct, frozen=True, tag_field="type", tag="json_schema"):
    """A JSON value of a schema."""

    wanted: JsonSchema = field(name="json_schema")


ResponseFormat = TextFormat | JsonObjectFormat | JsonSchemaFormat


def to_format(wanted: ResponseFormat | None) -> JsonFormat | None:
    """Translate *wanted*; a schema is always enforced, strict or not."""
    match wanted:
        case None | TextFormat():
            return None
        case JsonObjectFormat():
            return JsonFormat()
        case JsonSchemaFormat(schema):
            return JsonFormat(schema=schema.schema, name=schema.name)
