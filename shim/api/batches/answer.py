"""Batches on the wire: pure functions from the stored batch to OpenAI's shape."""

from collections.abc import Sequence

from shim.batches.batch import Batch
from shim.batches.usage import Usage

from .protocol import (
    BatchError,
    BatchErrors,
    BatchList,
    BatchObject,
    BatchUsage,
    InputTokensDetails,
    OutputTokensDetails,
    RequestCounts,
)

_SAME = (
    "id",
    "endpoint",
    "model",
    "input_file_id",
    "completion_window",
    "status",
    "output_file_id",
    "error_file_id",
    "created_at",
    "in_progress_at",
    "expires_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
    "metadata",
)
"""The fields that are the same on the wire."""


def batch_object(batch: Batch) -> BatchObject:
    """Return *batch* as clients see it."""
    counts = batch.counts
    return BatchObject(
        **{name: getattr(batch, name) for name in _SAME},
        errors=_errors(batch),
        request_counts=(
            RequestCounts(counts.total, counts.completed, counts.failed) if counts.total else None
        ),
        usage=_usage(batch.usage) if counts.total else None,
    )


def batch_list(batches: Sequence[Batch], *, has_more: bool) -> BatchList:
    """Return a page of *batches*; *has_more*: whether there are older ones."""
    return BatchList(
        data=[batch_object(batch) for batch in batches],
        first_id=batches[0].id if batches else None,
        last_id=batches[-1].id if batches else None,
        has_more=has_more,
    )


def _errors(batch: Batch) -> BatchErrors | None:
    if not batch.faults:
        return None
    faults = batch.faults
    return BatchErrors([BatchError(f.code, f.message, f.line, f.param) for f in faults])


def _usage(usage: Usage) -> BatchUsage:
    return BatchUsage(
        input_tokens=usage.input_tokens,
        input_tokens_details=InputTokensDetails(usage.cached_tokens),
        output_tokens=usage.output_tokens,
        output_tokens_details=OutputTokensDetails(usage.reasoning_tokens),
        total_tokens=usage.input_tokens + usage.output_tokens,
    )
