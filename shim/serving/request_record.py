"""Keeps what is known of the HTTP request in progress, for its line in the log and its limits."""

import time
from contextvars import ContextVar

from shim.errors import reason_of, status_of


class RequestRecord:
    """One HTTP request: who sent it, what ran for it, and what that took.

    Filled in by the parts that the request passes. Never holds content or a key.
    """

    __slots__ = (
        "attempts",
        "audio_seconds",
        "batch",
        "began",
        "cache",
        "completion_tokens",
        "error",
        "first_output_seconds",
        "id",
        "joined",
        "key",
        "method",
        "model",
        "path",
        "prompt_tokens",
        "queue_seconds",
        "route",
        "seconds",
        "status",
        "template",
        "trace_id",
        "upstream",
    )

    def __init__(self, *, method: str = "", path: str = "", id: str = "") -> None:  # noqa: A002
        self.method = method
        """Empty if the request could not be parsed; so is the path."""
        self.path = path
        """The path as the client sent it, percent-encoded, without the query."""
        self.id = id
        """The value of `x-request-id`."""
        self.trace_id: str | None = None
        """The trace that the request belongs to, 32 hex digits; None if it has no `traceparent`."""
        self.batch: str | None = None
        """The id of the batch whose line the request is; None if a client sent it."""
        self.template: str | None = None
        """The path of the route, as in `/v1/models/{name:path}`; None if no route was found."""
        self.began = time.perf_counter()
        """When the request began, in seconds of `perf_counter`."""
        self.seconds = 0.0
        """Seconds from the end of the request's head to the end of its answer."""
        self.status: int | None = None
        """The status of the result: 499 if the client left, that of the failure if a stream failed
        after its 200; None before the answer begins."""
        self.error: str | None = None
        """Why the request failed, as `reason_of` names it; None if it did not."""
        self.key: str | None = None
        """The configured name of the client's key; None without keys, or if it has no name."""
        self.model: str | None = None
        """The id of the model; None before it is found."""
        self.route: str | None = None
        """The value of the metrics' label `route`."""
        self.queue_seconds: float | None = None
        """Longest wait for a slot; None before the first slot."""
        self.first_output_seconds: float | None = None
        """Seconds from joining the queue to the engine's first output."""
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.audio_seconds = 0.0
        self.upstream: str | None = None
        """The server that answered for a remote model."""
        self.attempts = 0
        """Servers that were tried for a remote model."""
        self.joined = False
        """Whether this request got the answer to an earlier attempt (single flight)."""
        self.cache: str | None = None
        """`hit` or `miss`; None if the request is not looked up in a cache."""


CURRENT: ContextVar[RequestRecord | None] = ContextVar("shim.request_record", default=None)
"""The record of the request that the present task works for; None outside of a request."""


def failed(error: Exception) -> None:
    """Note in the present request's record, if there is one, that it ends with *error*."""
    if (record := CURRENT.get()) is not None:
        record.status = status_of(error)
        record.error = reason_of(error)
