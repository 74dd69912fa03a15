"""The wire types of `/v1/files`: OpenAI's shapes as msgspec Structs."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

Purpose: TypeAlias = Literal["assistants", "batch", "evals", "fine-tune", "user_data", "vision"]
"""What an upload is for, of OpenAI's values. `batch` is the input of a batch, `user_data` a
recording; the others are stored and nothing else."""


class ExpiresAfter(Struct, frozen=True, kw_only=True):
    """When a file is removed."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Meta(ge=3600, le=2_592_000)]
    """Seconds after that, from an hour to 30 days: OpenAI's bounds."""


class FileForm(Struct, frozen=True, kw_only=True):
    """The fields of an upload, beside its file."""

    purpose: Purpose
    expires_after: ExpiresAfter | None = None


class PageQuery(Struct, frozen=True, kw_only=True):
    """The query of a list of files."""

    purpose: Purpose | Literal["batch_output"] | None = None
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 10_000
    order: Literal["asc", "desc"] = "desc"
    after: Annotated[str, Meta(pattern=r"^file-[0-9a-f]{36}$")] | None = None
    """The id of the last file of the page before; it may have been deleted since."""


class FileObject(Struct, frozen=True, kw_only=True, tag_field="object", tag="file"):
    """A file."""

    id: str
    bytes: int
    created_at: int
    """Unix time in seconds."""
    expires_at: int
    """Unix time in seconds."""
    filename: str
    purpose: str
    status: Literal["processed"] = "processed"
    """Nothing is to be waited for."""
    status_details: None = None


class FileList(Struct, frozen=True, kw_only=True, tag_field="object", tag="list"):
    """A page of files."""

    data: list[FileObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class DeletedFile(Struct, frozen=True, kw_only=True, tag_field="object", tag="file"):
    """The answer to the deletion of a file."""

    id: str
    deleted: Literal[True] = True
