"""Defines where files and batches are kept, and how much of them: the `[batches]` table."""

from typing import Annotated

from msgspec import Meta, Struct

DAY_SECONDS = 24 * 3600


class BatchSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[batches]` table. It is in effect from the start of the process to its end."""

    directory: str | None = None
    """The directory of files and batches, of one server at a time; None: there are none."""
    max_bytes: Annotated[int, Meta(ge=1 << 20)] = 10 << 30
    """Most bytes of all files together; an upload beyond them is refused."""
    file_bytes: Annotated[int, Meta(ge=1024)] = 200 << 20
    """Most bytes of one upload. The default is OpenAI's limit for the input of a batch."""
    max_lines: Annotated[int, Meta(ge=1)] = 50_000
    """Most requests of one batch. The default is OpenAI's limit."""
    max_inputs: Annotated[int, Meta(ge=1)] = 50_000
    """Most texts for embeddings in one batch, of all its requests together. The default is OpenAI's
    limit."""
    retention_seconds: Annotated[int, Meta(ge=1)] = 30 * DAY_SECONDS
    """Seconds after which a file is removed whose upload does not say when. The default is that of
    OpenAI's batches."""
