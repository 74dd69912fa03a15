"""What is served, as an OpenAPI 3.1 document: made of the very Structs that requests go through."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from backends.whisper_options import Decoding
from shim import __version__
from shim.api.chat.protocol import ChatRequest
from shim.api.responses.protocol import ResponsesRequest
from shim.api.speech.options import ELSEWHERE, FIELD
from shim.api.transcription.protocol import TranscriptionForm
from shim.errors import ErrorAnswer
from shim.http.auth import AZURE, PUBLIC, free
from shim.settings import ServerSettings

from .operations import OPERATIONS, PATH, Operation

_SPEECH = "SpeechOptions"
"""The name of the schema of the field `transcription`."""

_IN_PATH = re.compile("{([^}]+)}")


def document(server: ServerSettings) -> dict[str, Any]:
    """Return the document of *server*: only whether it asks for keys depends on it."""
    types = [ErrorAnswer, Decoding, *_types()]
    schemas, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    by_type = dict(zip(types, schemas, strict=True))
    _describe_speech(components)
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        described = _described(operation, by_type, components)
        if operation.opt in free(server):
            described["security"] = []
        paths.setdefault(operation.path, {})[operation.method] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "Shim", "version": __version__},
        "security": [{"key": []}, {"azure": []}] if server.api_keys else [],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "azure": {"type": "apiKey", "in": "header", "name": AZURE},
            },
        },
    }


def document_route(server: ServerSettings) -> HTTPRouteHandler:
    """Return the handler that gives out the document of *server*."""
    encoded = msgspec.json.encode(document(server))

    @get(PATH, opt={PUBLIC: True})
    async def openapi() -> Response[bytes]:
        return Response(encoded, media_type="application/json")

    return openapi


def _types() -> Iterator[Any]:
    for operation in OPERATIONS:
        yield from operation.gives
        yield from operation.events
        if operation.takes is not None:
            yield operation.takes


def _described(
    operation: Operation, by_type: dict[Any, Any], components: dict[str, Any]
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.says,
        "operationId": f"{operation.method} {operation.path}",
        "parameters": list(_parameters(operation)),
        "responses": {
            "200": {"description": "Done.", "content": _answers(operation, by_type)},
            "4XX": _failure("The request cannot be answered as it is.", by_type),
            "5XX": _failure("The server cannot answer it.", by_type),
        },
    }
    if operation.unready is not None:
        unready = _json(by_type[operation.unready])
        described["responses"]["503"] = {"description": "Not all would.", "content": unready}
    if operation.takes is TranscriptionForm:
        described["requestBody"] = {"required": True, "content": _recordings(components)}
    elif operation.takes is not None:
        described["requestBody"] = {"required": True, "content": _json(by_type[operation.takes])}
    return described


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _failure(description: str, by_type: dict[Any, Any]) -> dict[str, Any]:
    return {"description": description, "content": _json(by_type[ErrorAnswer])}


def _answers(operation: Operation, by_type: dict[Any, Any]) -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    if not operation.gives:
        return {"text/plain": text}
    content = _json(_one_of(operation.gives, by_type))
    if operation.takes is TranscriptionForm:
        content["text/plain"] = text
    if operation.events:
        content["text/event-stream"] = {"schema": _event(_one_of(operation.events, by_type))}
    return content


def _event(data: dict[str, Any]) -> dict[str, Any]:
    """Return one event of a stream; OpenAPI 3.2 is the first that has a word for what repeats."""
    told = {"contentMediaType": "application/json", "contentSchema": data}
    return {
        "type": "object",
        "description": "One event of many.",
        "properties": {
            "event": {"type": "string"},
            "data": {"type": "string", "anyOf": [told, {"const": "[DONE]"}]},
        },
        "required": ["data"],
    }


def _one_of(types: Sequence[Any], by_type: dict[Any, Any]) -> dict[str, Any]:
    schemas = [by_type[found] for found in types]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    places = [(name, "path") for name in _IN_PATH.findall(operation.path)]
    for name, place in (*places, *((name, "query") for name in operation.query)):
        schema = {"type": "string"}
        yield {"name": name, "in": place, "required": place == "path", "schema": schema}


def _describe_speech(components: dict[str, Any]) -> None:
    """Add what the field `transcription` of chats and responses may hold."""
    properties = _options(components)
    for name in ELSEWHERE:
        del properties[name]
    closed = {"type": "object", "properties": properties, "additionalProperties": False}
    components[_SPEECH] = closed
    for takes in (ChatRequest, ResponsesRequest):
        field = components[takes.__name__]["properties"][FIELD]
        field["anyOf"] = [{"$ref": f"#/components/schemas/{_SPEECH}"}, {"type": "null"}]


def _options(components: dict[str, Any]) -> dict[str, Any]:
    """Return OpenAI's fields and beside them the engine's, by their own names or in `engine`."""
    return {
        **components["Decoding"]["properties"],
        **components["TranscriptionForm"]["properties"],
        "engine": {"$ref": "#/components/schemas/Decoding"},
    }


def _recordings(components: dict[str, Any]) -> dict[str, Any]:
    """Return the bodies that hold a recording: a form, or JSON with the file in base64."""
    fields = _options(components)

    def body(file: dict[str, str]) -> dict[str, Any]:
        properties = {"file": {"type": "string", **file}, **fields}
        return {"schema": {"type": "object", "properties": properties, "required": ["file"]}}

    return {
        "multipart/form-data": body({"format": "binary"}),
        "application/json": body({"contentEncoding": "base64"}),
    }
