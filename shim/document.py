"""What is served, as an OpenAPI 3.1 document: made of the very Structs that requests go through."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from backends.base import Manifest
from backends.decoding import Decoding

from . import __version__
from .auth import PUBLIC
from .chat.protocol import ChatChunk, ChatCompletion, ChatRequest
from .completions.protocol import CompletionRequest, TextCompletion
from .embeddings.protocol import EmbeddingList, EmbeddingRequest
from .errors import ErrorAnswer
from .health import Health, Readiness
from .models import ModelCard, ModelList
from .responses.event import ErrorEvent, Event
from .responses.protocol import Response as WholeResponse
from .responses.protocol import ResponsesRequest
from .tokenizer.protocol import DetokenizeRequest, Text, TokenizeRequest, Tokens
from .transcription.protocol import (
    TextDelta,
    TextDone,
    Transcription,
    TranscriptionForm,
    VerboseTranscription,
)

PATH = "/openapi.json"


class Operation(Struct, frozen=True, kw_only=True):
    """What a route takes and gives, by type."""

    method: str
    path: str
    says: str
    takes: Any = None
    gives: tuple[Any, ...] = ()
    """One of these; none: text."""
    events: tuple[Any, ...] = ()
    """What the answer consists of where the request asks for a stream."""
    keyless: bool = False


def _transcription(path: str, says: str) -> Operation:
    return Operation(
        method="post",
        path=path,
        says=says,
        takes=TranscriptionForm,
        gives=(Transcription, VerboseTranscription),
        events=(TextDelta, TextDone, ErrorAnswer),
    )


_WRITES = "Write down what is said."
_TRANSLATES = "Write down in English what is said."

OPERATIONS = (
    Operation(
        method="post",
        path="/v1/chat/completions",
        says="Continue a conversation.",
        takes=ChatRequest,
        gives=(ChatCompletion,),
        events=(ChatChunk, ErrorAnswer),
    ),
    Operation(
        method="post",
        path="/v1/completions",
        says="Continue texts.",
        takes=CompletionRequest,
        gives=(TextCompletion,),
        events=(TextCompletion, ErrorAnswer),
    ),
    Operation(
        method="post",
        path="/v1/responses",
        says="Answer a conversation; nothing is kept.",
        takes=ResponsesRequest,
        gives=(WholeResponse,),
        events=(Event, ErrorEvent),
    ),
    Operation(
        method="post",
        path="/v1/embeddings",
        says="Turn texts into vectors.",
        takes=EmbeddingRequest,
        gives=(EmbeddingList,),
    ),
    _transcription("/v1/audio/transcriptions", _WRITES),
    _transcription("/audio/transcriptions", _WRITES),
    _transcription("/v1/audio/translations", _TRANSLATES),
    _transcription("/audio/translations", _TRANSLATES),
    Operation(method="get", path="/v1/models", says="List every name.", gives=(ModelList,)),
    Operation(
        method="get",
        path="/v1/models/{model_id}",
        says="Describe a model, or, by `ID/manifest/HASH`, how it made its answers.",
        gives=(ModelCard, Manifest),
    ),
    Operation(
        method="post",
        path="/tokenize",
        says="Return the tokens of a text or of a conversation.",
        takes=TokenizeRequest,
        gives=(Tokens,),
    ),
    Operation(
        method="post",
        path="/detokenize",
        says="Return the text of token ids.",
        takes=DetokenizeRequest,
        gives=(Text,),
    ),
    Operation(
        method="get",
        path="/tokenizer_info",
        says="Return the special tokens and the chat template.",
        gives=(dict[str, Any],),
    ),
    Operation(
        method="get",
        path="/health",
        says="Answer as long as the server lives.",
        gives=(Health,),
        keyless=True,
    ),
    Operation(
        method="get",
        path="/ready",
        says="Tell whether every model would answer now.",
        gives=(Readiness,),
        keyless=True,
    ),
    Operation(method="get", path="/metrics", says="Return metrics in Prometheus's text format."),
    Operation(
        method="get",
        path=PATH,
        says="Return this document.",
        gives=(dict[str, Any],),
        keyless=True,
    ),
)


def document(*, keyed: bool) -> dict[str, Any]:
    """Return the document of a server, which may ask for keys."""
    types = [ErrorAnswer, Decoding, *_types()]
    schemas, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    by_type = dict(zip(types, schemas, strict=True))
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        described = _described(operation, by_type, components)
        if operation.keyless:
            described["security"] = []
        paths.setdefault(operation.path, {})[operation.method] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "Shim", "version": __version__},
        "security": [{"key": []}] if keyed else [],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def document_route(*, keyed: bool) -> HTTPRouteHandler:
    """Return the handler that gives out the document of such a server."""
    encoded = msgspec.json.encode(document(keyed=keyed))

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
    if operation.path == "/ready":
        not_ready = _json(by_type[Readiness])
        described["responses"]["503"] = {"description": "Not all would.", "content": not_ready}
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
    schema = {"type": "string"}
    if operation.path.endswith("{model_id}"):
        yield {"name": "model_id", "in": "path", "required": True, "schema": schema}
    if operation.path == "/tokenizer_info":
        yield {"name": "model", "in": "query", "required": False, "schema": schema}


def _recordings(components: dict[str, Any]) -> dict[str, Any]:
    """Return the bodies that hold a recording: a form, or JSON with the file in base64.

    Beside OpenAI's fields stand the engine's options, by their own names or within `engine`.
    """
    fields = {
        **components["Decoding"]["properties"],
        **components["TranscriptionForm"]["properties"],
        "engine": {"$ref": "#/components/schemas/Decoding"},
    }

    def body(file: dict[str, str]) -> dict[str, Any]:
        properties = {"file": {"type": "string", **file}, **fields}
        return {"schema": {"type": "object", "properties": properties, "required": ["file"]}}

    return {
        "multipart/form-data": body({"format": "binary"}),
        "application/json": body({"contentEncoding": "base64"}),
    }
