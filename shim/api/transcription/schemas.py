"""JSON schemas of requests with a recording, for the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from backends.whisper_options import Decoding

from .json_body import ID, MANY, ONE, URL
from .protocol import TranscriptionForm


def options(schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas of a recording's options, by name.

    These are OpenAI's fields and the engine's options; the latter also together, as `engine`.
    *schemas* has those of TranscriptionForm and Decoding.
    """
    return {
        **schemas[Decoding.__name__]["properties"],
        **schemas[TranscriptionForm.__name__]["properties"],
        "engine": {"$ref": f"#/components/schemas/{Decoding.__name__}"},
    }


def bodies(schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas of bodies with recordings, by media type.

    Such a body is a form, or JSON with a recording in one of several ways, or with many of them.
    *schemas* is as `options` needs it.
    """
    fields = options(schemas)
    file = {"type": "string", "format": "binary"}
    form = {"type": "object", "properties": {"file": file, **fields}, "required": ["file"]}
    item = {**_with_one_of(_WAYS), "additionalProperties": False}
    files = {"type": "array", "minItems": 1, "items": {"anyOf": [_WAYS[ONE], item]}}
    json = _with_one_of({**_WAYS, MANY: files})
    json["properties"] |= fields
    return {"multipart/form-data": {"schema": form}, "application/json": {"schema": json}}


_WAYS: dict[str, Any] = {
    ONE: {"type": "string", "contentEncoding": "base64"},
    ID: {"type": "string"},
    URL: {"type": "string", "format": "uri"},
}
"""The schemas of the fields of which a recording in JSON has one."""


def _with_one_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an object with one of *properties*."""
    required = [{"required": [name]} for name in properties]
    return {"type": "object", "properties": {**properties}, "oneOf": required}
