"""The Structs that requests are decoded into, with their paths in the request."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from backends.whisper_options import Decoding
from shim.api.files.protocol import FileForm
from shim.api.generation.sampling import SamplingFields
from shim.api.generation.vllm_parameters import ChatFields
from shim.api.openapi.endpoints import endpoints
from shim.api.responses.protocol import ResponsesRequest
from shim.api.responses.protocol_input import Input
from shim.api.transcription.protocol import TranscriptionForm
from shim.api.transcription.unsupported import HONOURED, RULES
from shim.app import create_app
from shim.parameters.derived_types import held_types, is_struct
from shim.parameters.rules import Rules
from shim.parameters.table import rules_of, wire_names
from shim.settings import Settings


class Place(NamedTuple):
    """A Struct at the first path where a request holds it."""

    path: str
    """A prefix of its fields' names, as `messages[].content[].`; empty for the request itself."""
    kind: type[Struct]
    honoured: frozenset[str]
    rules: Rules


def routes() -> Iterator[tuple[str, list[Place]]]:
    """Yield each type of body: its routes, as text, and its Structs that none before it holds."""
    by_kind: dict[type[Struct], list[str]] = {}
    for endpoint in endpoints(create_app(Settings())):
        if (kind := endpoint.operation.request) is not None:
            by_kind.setdefault(kind, []).append(f"`{endpoint.path}`")
    seen: set[type[Struct]] = set()
    for kind, paths in by_kind.items():
        places = _within(kind, "", seen)
        if kind is TranscriptionForm:
            places += _within(Decoding, "", seen)[1:]
        if kind is ResponsesRequest:
            places += _within(Input, "", seen)[1:]
        yield ", ".join(dict.fromkeys(paths)), places


def _within(kind: type[Struct], path: str, seen: set[type[Struct]]) -> list[Place]:
    if kind in seen:
        return []
    seen.add(kind)
    names, rules = (
        (HONOURED, RULES) if kind is TranscriptionForm else (wire_names(kind), rules_of(kind))
    )
    if kind is FileForm:  # the file is a part of the form, and not a field
        names, rules = names | {"file"}, {}
    places = [Place(path, kind, names - rules.keys(), rules)]
    for field in msgspec.structs.fields(kind):
        for inner, brackets in _structs(field.type):
            places += _within(inner, f"{path}{field.encode_name}{brackets}.", seen)
    return places


def _structs(kind: Any) -> Iterator[tuple[type[Struct], str]]:
    if is_struct(kind):
        yield kind, ""
    brackets = "[]" if getattr(kind, "__origin__", None) is list else ""
    for inner in held_types(kind):
        yield from ((struct, brackets + more) for struct, more in _structs(inner))


OF_VLLM = wire_names(ChatFields) - wire_names(SamplingFields) - {"chat_template_kwargs"}
"""Parameters that only models in vLLM honour."""
