"""What each route takes and gives, by type: the table that `document.py` writes out."""

from typing import Any

from msgspec import Struct

from backends.base import Manifest
from shim.api.chat.protocol import ChatChunk, ChatCompletion, ChatRequest
from shim.api.completions.protocol import CompletionRequest, TextCompletion
from shim.api.embeddings.protocol import EmbeddingList, EmbeddingRequest
from shim.api.health import Health, Readiness
from shim.api.models.controller import ModelCard, ModelList
from shim.api.responses.protocol import Response as WholeResponse
from shim.api.responses.protocol import ResponsesRequest
from shim.api.responses.protocol_events import ErrorEvent, Event
from shim.api.tokenizer.protocol import DetokenizeRequest, Text, TokenizeRequest, Tokens
from shim.api.transcription.protocol import (
    TextDelta,
    TextDone,
    Transcription,
    TranscriptionForm,
    VerboseTranscription,
)
from shim.errors import ErrorAnswer
from shim.http.auth import PUBLIC, TOKENIZER

PATH = "/openapi.json"
"""Of the document."""


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
    unready: Any = None
    """What it gives with a 503, if that is no error."""
    query: tuple[str, ...] = ()
    """Texts that its URL may name."""
    opt: str | None = None
    """By which its handler says that it may need no key."""


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
        opt=TOKENIZER,
        says="Return the tokens of a text or of a conversation.",
        takes=TokenizeRequest,
        gives=(Tokens,),
    ),
    Operation(
        method="post",
        path="/detokenize",
        opt=TOKENIZER,
        says="Return the text of token ids.",
        takes=DetokenizeRequest,
        gives=(Text,),
    ),
    Operation(
        method="get",
        path="/tokenizer_info",
        opt=TOKENIZER,
        says="Return the special tokens; and, to those with a key, the chat template.",
        gives=(dict[str, Any],),
        query=("model",),
    ),
    Operation(
        method="get",
        path="/health",
        says="Answer as long as the server lives.",
        gives=(Health,),
        opt=PUBLIC,
    ),
    Operation(
        method="get",
        path="/ready",
        says="Tell whether every model would answer now.",
        gives=(Readiness,),
        unready=Readiness,
        opt=PUBLIC,
    ),
    Operation(method="get", path="/metrics", says="Return metrics in Prometheus's text format."),
    Operation(
        method="get",
        path=PATH,
        says="Return this document.",
        gives=(dict[str, Any],),
        opt=PUBLIC,
    ),
)
