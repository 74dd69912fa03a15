"""The results of a run, one per sample. Imports no client, so that any tool can read them."""

from typing import Any, Literal

import msgspec

from evals.score.scorers import Tally

OnError = Literal["record", "stop", "empty"]
"""The effect of a failed sample: it is not scored, it stops the run, or it counts as empty text."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The server's answer to one sample; None: the server did not send the value.

    *model* is the name in the answer, *first_token* the seconds from the sample's start to the
    first text of the stream that arrived whole.
    """

    text: str
    model: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    first_token: float | None = None
    request_id: str | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """The reason that a sample has no answer.

    *type* is the exception's name, *status* the HTTP status if there was one, *code* OpenAI's
    error code, *request_id* the server's `x-request-id`.
    """

    type: str
    message: str
    status: int | None = None
    code: str | None = None
    request_id: str | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the results.

    *latency* is in seconds, from the first request to the end, retries included. *retries* counts
    the SDK's, *streams_reasked* ours of cut streams. *tally* is None for a sample that is not
    scored, *audio_seconds* for a clip of unknown length and for a chat.
    """

    index: int
    id: str
    status: Literal["ok", "failed"]
    target: str
    answer: Answer | None = None
    error: Failure | None = None
    tally: Tally | None = None
    latency: float
    audio_seconds: float | None = None
    retries: int = 0
    streams_reasked: int = 0
    metadata: dict[str, Any] = {}
