"""The wire types of `/v1/batches`: OpenAI's shapes as msgspec Structs."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from shim.batches.batch import Status
from shim.limits import Name

Endpoint: TypeAlias = Literal[
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/audio/transcriptions",
    "/v1/audio/translations",
]
"""The routes that lines may be for; OpenAI has none for speech."""

Metadata: TypeAlias = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]],
    Meta(max_length=16),
]
"""Notes of the client; the bounds are OpenAI's."""


class OutputExpiresAfter(Struct, frozen=True, kw_only=True):
    """When the files of results are removed."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Meta(ge=3600, le=2_592_000)]
    """Seconds after the batch has ended, from an hour to 30 days: OpenAI's bounds."""


class BatchRequest(Struct, frozen=True, kw_only=True):
    """The body of a request for a batch."""

    input_file_id: Name
    endpoint: Endpoint
    completion_window: Name
    """`24h`, or another number of hours or days up to 30 days: OpenAI has only `24h`."""
    metadata: Metadata | None = None
    output_expires_after: OutputExpiresAfter | None = None


class PageQuery(Struct, frozen=True, kw_only=True):
    """The query of a list of batches."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    after: Annotated[str, Meta(pattern=r"^batch_[0-9a-f]{36}$")] | None = None
    """The id of the last batch of the page before."""


class BatchError(Struct, frozen=True):
    """What is wrong with an input file."""

    code: str
    message: str
    line: int | None
    param: str | None


class BatchErrors(Struct, frozen=True, tag_field="object", tag="list"):
    """All that is wrong with an input file, or the first 100 faults."""

    data: list[BatchError]


class RequestCounts(Struct, frozen=True):
    """How many requests a batch has; those that were never run are neither of the other two."""

    total: int
    completed: int
    failed: int


class InputTokensDetails(Struct, frozen=True):
    """What is known of the input's tokens."""

    cached_tokens: int


class OutputTokensDetails(Struct, frozen=True):
    """What is known of the output's tokens."""

    reasoning_tokens: int


class BatchUsage(Struct, frozen=True):
    """The tokens of all answers so far."""

    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int


class BatchObject(Struct, frozen=True, kw_only=True, tag_field="object", tag="batch"):
    """A batch. Its times are in Unix seconds; null until it has happened."""

    id: str
    endpoint: str
    model: str | None
    """The model of all requests; null if there are several."""
    errors: BatchErrors | None
    input_file_id: str
    completion_window: str
    status: Status
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: RequestCounts | None
    """Null until the file has been checked, and if it is wrong."""
    usage: BatchUsage | None
    """Null as long as `request_counts` is."""
    metadata: dict[str, str] | None


class BatchList(Struct, frozen=True, kw_only=True, tag_field="object", tag="list"):
    """A page of batches, the newest first."""

    data: list[BatchObject]
    first_id: str | None
    last_id: str | None
    has_more: bool
