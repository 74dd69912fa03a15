"""The OpenAPI document: every route that is served, with the bounds of its fields."""

from collections.abc import Iterator
from typing import Any

import pytest
from litestar.routes import HTTPRoute

from shim.api.openapi.document import document
from shim.app import create_app
from shim.settings import ServerSettings, Settings


def documented(**server: Any) -> dict[str, Any]:
    """Return the document of a server with these settings."""
    return document(create_app(Settings(server=ServerSettings(**server))))


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    """Return the document's schemas by name."""
    schemas: dict[str, Any] = documented()["components"]["schemas"]
    return schemas


def references(value: Any) -> Iterator[str]:
    """Yield what *value* refers to, at any depth."""
    match value:
        case dict():
            for name, inner in value.items():
                if name == "$ref":
                    yield inner
                yield from references(inner)
        case list():
            for inner in value:
                yield from references(inner)


def test_every_route_is_there() -> None:
    """The document has the routes of the application and no others."""
    app = create_app(Settings())
    served = {
        (route.path_format, method.lower())
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods - {"OPTIONS"}
    }

    paths = document(app)["paths"]

    assert {(path, method) for path, methods in paths.items() for method in methods} == served


def test_references_lead_somewhere(schemas: dict[str, Any]) -> None:
    """Every schema that is named is there."""
    found = set(references(documented()))

    assert len(found) > 50
    assert found <= {f"#/components/schemas/{name}" for name in schemas}


@pytest.mark.parametrize(
    ("name", "field", "bounds"),
    [
        ("ChatRequest", "min_tokens", {"type": "integer", "minimum": 0, "maximum": 2147483647}),
        ("ChatRequest", "top_p", {"type": "number", "minimum": 0, "maximum": 1}),
        ("Decoding", "beam_size", {"type": "integer", "minimum": 1, "maximum": 32}),
    ],
)
def test_bounds(schemas: dict[str, Any], name: str, field: str, bounds: dict[str, Any]) -> None:
    """A number's bounds are those that a request is held to."""
    assert schemas[name]["properties"][field]["anyOf"][0] == bounds


def test_a_recording_comes_in_two_forms() -> None:
    """A form with a file, or JSON that has or names it; the engine's options are in both."""
    operation = documented()["paths"]["/v1/audio/transcriptions"]["post"]

    bodies = operation["requestBody"]["content"]
    form, json = (bodies[media]["schema"] for media in ("multipart/form-data", "application/json"))
    assert form["required"] == ["file"]
    ways = ("file", "file_id", "file_url", "files")
    assert json["oneOf"] == [{"required": [way]} for way in ways]
    for body in (form, json):
        fields = {"file", "model", "response_format", "beam_size", "engine"}
        assert fields <= body["properties"].keys()


@pytest.mark.parametrize("keys", [(), ("secret",)])
def test_keys(keys: tuple[str, ...]) -> None:
    """Only a server with keys says that it asks for them, and not for its health."""
    found = documented(api_keys=keys)

    assert found["security"] == ([{"key": []}, {"azure": []}] if keys else [])
    assert found["paths"]["/health"]["get"]["security"] == []
    assert "security" not in found["paths"]["/v1/chat/completions"]["post"]


@pytest.mark.parametrize("needed", [True, False])
def test_keys_of_the_tokenizer(*, needed: bool) -> None:
    """Counting tokens needs a key only where it was set so."""
    found = documented(api_keys=("secret",), tokenizer_needs_key=needed)["paths"]["/tokenize"]

    assert found["post"].get("security") == (None if needed else [])
