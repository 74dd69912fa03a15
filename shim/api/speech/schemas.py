"""Describes the field `transcription` of chats and responses in the OpenAPI document."""

from typing import Any

from msgspec import Struct

from shim.api.transcription.schemas import options

from .options import ELSEWHERE, FIELD

_NAME = "SpeechOptions"


def describe_options(request: type[Struct], schemas: dict[str, Any]) -> None:
    """Add the schema of the field's options to *schemas*, and refer to it in that of *request*.

    *schemas* also has those that `options` needs.
    """
    properties = {
        name: schema for name, schema in options(schemas).items() if name not in ELSEWHERE
    }
    schemas[_NAME] = {"type": "object", "properties": properties, "additionalProperties": False}
    field = schemas[request.__name__]["properties"][FIELD]
    field["anyOf"] = [{"$ref": f"#/components/schemas/{_NAME}"}, {"type": "null"}]
