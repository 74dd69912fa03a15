"""Keeps what is known of the HTTP request in progress, for its line in the log and its limits."""

from contextvars import ContextVar


class RequestRecord:
    """One HTTP request: who sent it, what ran for it, and what that took.

    Filled in by the parts that the request passes. Never holds content or a key.
    """

    __slots__ = (
        "attempts",
        "audio_seconds",
        "completion_tokens",
        "first_output_seconds",
        "id",
        "joined",
        "key",
        "model",
        "prompt_tokens",
        "queue_seconds",
        "route",
        "upstream",
    )

    def __init__(self) -> None:
        self.id = ""
        """The value of `x-request-id`."""
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


CURRENT: ContextVar[RequestRecord | None] = ContextVar("shim.request_record", default=None)
"""The record of the request that the present task works for; None outside of a request."""
