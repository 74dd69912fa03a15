"""Decides which requests have only one answer, so that it may be given from a cache.

In doubt a request has not: then it is computed.

- A text, on the routes of chats, completions and responses: `temperature` is 0. A seed does not
  suffice: the numbers that vLLM draws from depend on the requests beside.
- A recording: `temperatures` is 0, or the model's own are and the request names no other. OpenAI's
  `temperature: 0` is not enough: Whisper draws at higher ones where a result looks wrong.
- An embedding: always.
- Nothing that refers to a URL, whose content may change, or to a file, which may be deleted and
  belongs to a key.
"""

from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from .request import digest

Kind: TypeAlias = Literal["text", "speech", "embedding"]

ROUTES: dict[str, Kind] = {
    "/v1/chat/completions": "text",
    "/v1/completions": "text",
    "/v1/responses": "text",
    "/v1/embeddings": "embedding",
    "/v1/audio/transcriptions": "speech",
    "/v1/audio/translations": "speech",
    "/audio/transcriptions": "speech",
    "/audio/translations": "speech",
}
"""The routes whose answers may be kept."""

_OWN = {"temperature", "temperatures"}
_URLS = ("http://", "https://", "file:", "s3:")


class Facts(Struct, frozen=True, kw_only=True):
    """What of a body decides whether its answer may be kept, and for what it is kept."""

    digest: str
    model: str | None
    is_greedy: bool
    """Whether the only temperature for texts is 0."""
    speech: Literal["greedy", "default", "drawn"]
    """How a recording is decoded: at temperature 0 alone, as the model is configured, or other."""
    refers_elsewhere: bool
    """Whether a value may be a URL, or is the id of a file."""


def facts(content: Any) -> Facts | None:
    """Return the facts of a body's *content*; None if it is not an object.

    A function at the top of a module, so that the JSON worker can run it.
    """
    if not isinstance(content, dict):
        return None
    model = content.get("model")
    return Facts(
        digest=digest(content),
        model=model if isinstance(model, str) else None,
        is_greedy=_is_zero(content.get("temperature")),
        speech=_speech(content),
        refers_elsewhere=_refers_elsewhere(content),
    )


def of_form(form: dict[str, list[str]]) -> dict[str, Any]:
    """Return the fields of a *form* as JSON would have them: a field that is not repeated alone."""
    return {name: values[0] if len(values) == 1 else values for name, values in form.items()}


def _speech(content: dict[str, Any]) -> Literal["greedy", "default", "drawn"]:
    options = content.get("transcription")  # of a chat with a recording
    own = {name: content[name] for name in _OWN & content.keys()}
    others = {name: value for name, value in content.items() if name not in own}
    if isinstance(options, dict):
        own |= {name: options[name] for name in _OWN & options.keys()}
        inner = {name: value for name, value in options.items() if name not in _OWN}
        others |= {"transcription": inner}
    # Among them are names of the engine's, in objects or in JSON text.
    if b"temperature" in msgspec.json.encode(others):
        return "drawn"
    if own.get("temperature") not in (None, "") and not _is_zero(own["temperature"]):
        return "drawn"
    if own.get("temperatures") is None:
        return "default"
    return "greedy" if _is_zero(own["temperatures"]) else "drawn"


def _is_zero(value: Any) -> bool:
    """Return whether *value* is 0, as a number, its text, or the only item of a list."""
    if isinstance(value, list):
        return len(value) == 1 and _is_zero(value[0])
    if isinstance(value, str):
        return value.strip() in ("0", "0.0")
    return isinstance(value, int | float) and not isinstance(value, bool) and value == 0


def _refers_elsewhere(value: Any) -> bool:
    if isinstance(value, dict):
        return "file_id" in value or any(map(_refers_elsewhere, value.values()))
    if isinstance(value, list):
        return any(map(_refers_elsewhere, value))
    return isinstance(value, str) and value[:8].lower().startswith(_URLS)
