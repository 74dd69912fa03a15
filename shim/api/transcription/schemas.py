"""JSON schemas of requests with a recording, for the OpenAPI document."""

from typing import Any

from backends.whisper_options import Decoding

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
    """Return the schemas of bodies with a recording, by media type.

    Such a body is a form, or JSON with the file in base64. *schemas* is as `options` needs it.
    """
    fields = options(schemas)

    def body(file: dict[str, str]) -> dict[str, Any]:
        properties = {"file": {"type": "string", **file}, **fields}
        return {"schema": {"type": "object", "properties": properties, "required": ["file"]}}

    return {
        "multipart/form-data": body({"format": "binary"}),
        "application/json": body({"contentEncoding": "base64"}),
    }
