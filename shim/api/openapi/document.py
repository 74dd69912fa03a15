"""Makes the OpenAPI 3.1 document of an application, from its handlers and their types."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get

from shim import __version__
from shim.errors import ErrorAnswer
from shim.http.auth import AZURE, PUBLIC, free
from shim.settings import ServerSettings

from .endpoints import Endpoint, endpoints
from .operation import Operation


def document(app: Litestar) -> dict[str, Any]:
    """Return the document of *app*.

    Its schemas come from the Structs that decode requests and encode answers. Of the settings it
    shows only which routes need a key. Raises KeyError if a handler does not carry an Operation.
    """
    server: ServerSettings = app.state.server
    keyless = free(server)
    all_endpoints = endpoints(app)
    operations = [endpoint.operation for endpoint in all_endpoints]
    types = list(dict.fromkeys(_types(operations)))
    schemas, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    by_type = dict(zip(types, schemas, strict=True))
    for operation in operations:
        if operation.describe is not None:
            operation.describe(components)
    paths: dict[str, Any] = {}
    for endpoint in all_endpoints:
        entry = _entry(endpoint, by_type, components)
        if any(endpoint.opt.get(name) for name in keyless):
            entry["security"] = []
        paths.setdefault(endpoint.path, {})[endpoint.method] = entry
    return {
        "openapi": "3.1.0",
        "info": {"title": "Shim", "version": __version__},
        "security": [{"key": []}, {"azure": []}] if server.needs_key else [],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "azure": {"type": "apiKey", "in": "header", "name": AZURE},
            },
        },
    }


@get(
    "/openapi.json",
    opt={PUBLIC: True},
    operation=Operation(summary="Return this document.", answers=(dict[str, Any],)),
)
async def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the document as `create_app` encoded it."""
    encoded: bytes = request.app.state.document
    return Response(encoded, media_type="application/json")


def _types(operations: Sequence[Operation]) -> Iterator[Any]:
    yield ErrorAnswer
    for operation in operations:
        yield from operation.refers_to
    for operation in operations:
        yield from operation.answers
        yield from operation.events
        if operation.request is not None:
            yield operation.request
        if operation.unavailable is not None:
            yield operation.unavailable


def _entry(
    endpoint: Endpoint, by_type: dict[Any, Any], components: dict[str, Any]
) -> dict[str, Any]:
    """Return the operation object of *endpoint* (OpenAPI 3.1, section 4.8.10).

    *by_type* has the schema of each type.
    """
    operation = endpoint.operation
    entry: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": f"{endpoint.method} {endpoint.path}",
        "parameters": list(_parameters(endpoint)),
        "responses": {
            "200": {"description": "Done.", "content": _answers(operation, by_type)},
            "4XX": _failure("The request cannot be answered as it is.", by_type),
            "5XX": _failure("The server cannot answer the request.", by_type),
        },
    }
    if operation.unavailable is not None:
        content = _json(by_type[operation.unavailable])
        description = "Not every model can answer now."
        entry["responses"]["503"] = {"description": description, "content": content}
    if operation.body is not None:
        entry["requestBody"] = {"required": True, "content": operation.body(components)}
    elif operation.request is not None:
        entry["requestBody"] = {"required": True, "content": _json(by_type[operation.request])}
    return entry


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _failure(description: str, by_type: dict[Any, Any]) -> dict[str, Any]:
    return {"description": description, "content": _json(by_type[ErrorAnswer])}


def _answers(operation: Operation, by_type: dict[Any, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if operation.answers:
        content |= _json(_one_of(operation.answers, by_type))
    if operation.text:
        content["text/plain"] = {"schema": {"type": "string"}}
    if operation.binary:
        content["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    if operation.events:
        content["text/event-stream"] = {"schema": _event(_one_of(operation.events, by_type))}
    return content


def _event(data: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one event: before 3.2, OpenAPI cannot describe a sequence of events."""
    encoded = {"contentMediaType": "application/json", "contentSchema": data}
    return {
        "type": "object",
        "description": "One event of the stream.",
        "properties": {
            "event": {"type": "string"},
            "data": {"type": "string", "anyOf": [encoded, {"const": "[DONE]"}]},
        },
        "required": ["data"],
    }


def _one_of(types: Sequence[Any], by_type: dict[Any, Any]) -> dict[str, Any]:
    schemas = [by_type[each] for each in types]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _parameters(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    for name in endpoint.path_parameters:
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for name in endpoint.query_parameters:
        yield {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}
