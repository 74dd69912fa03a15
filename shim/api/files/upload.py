"""Reads the form of an upload into a file on disk and its fields."""

from collections.abc import Iterable
from typing import Any

import msgspec
from litestar.enums import RequestEncodingType

from shim.batches.store.files import Files
from shim.batches.store.incoming import Incoming
from shim.batches.store.table import StoredFile
from shim.errors import InvalidParameter, UnsupportedMedia, invalid
from shim.http.multipart_body import Form, Upload, receive
from shim.http.multipart_part import Field, Unread
from shim.http.request import ApiRequest
from shim.http.strict import is_strict
from shim.parameters.refusals import refuse_unknown_names

from .protocol import FileForm

_EXPIRES_AFTER = {"expires_after[anchor]": "anchor", "expires_after[seconds]": "seconds"}
"""The fields of `expires_after`, by their names in a form."""

_KNOWN = frozenset({"purpose", *_EXPIRES_AFTER})

_FILENAME_LENGTH = 255
"""Most characters of a file's name: a page of files repeats up to 10,000 of them."""


async def stored_upload(request: ApiRequest, files: Files, owner: str) -> StoredFile:
    """Read the form of *request*, and store its file as *owner*'s.

    What the fields before the file show to be wrong is refused before the file is read. Raises
    UnsupportedMedia, InvalidParameter, UnsupportedParameter in strict mode, TooLarge, QuotaExceeded
    and StorageFull; nothing is stored then.
    """
    kind, parameters = request.content_type
    if kind != RequestEncodingType.MULTI_PART or "boundary" not in parameters:
        raise UnsupportedMedia("Send the file as `multipart/form-data`.")
    files.quota.check(int(request.headers.get("content-length", 0)))
    strictly = is_strict(request)

    def check(fields: list[Field]) -> None:
        # The purpose may follow the file.
        _converted({"purpose": "batch", **_values(fields, strictly=strictly)})

    form = Form(
        is_known=_KNOWN.__contains__,
        new_spool=files.incoming,
        field_bytes=request.limits.field_bytes,
    )
    upload = await receive(request.stream(), parameters["boundary"], check, form)
    try:
        fields = _converted(_values(upload.fields, strictly=strictly))
        return await files.keep(
            _file(upload),
            owner=owner,
            purpose=fields.purpose,
            filename=upload.filename,
            lifetime=fields.expires_after.seconds if fields.expires_after else None,
        )
    finally:
        upload.close()


def _values(fields: Iterable[Field], *, strictly: bool) -> dict[str, Any]:
    """Return the fields of a form in the shape of FileForm; empty ones are dropped.

    Raises InvalidParameter for a value that could not be read, and in strict mode
    UnsupportedParameter for unknown names.
    """
    if strictly:
        refuse_unknown_names({name for name, _ in fields} - _KNOWN)
    values: dict[str, Any] = {}
    for name, value in fields:
        if name not in _KNOWN or not value:
            continue
        if isinstance(value, Unread):
            raise InvalidParameter(value.why, param=name)
        if name in _EXPIRES_AFTER:
            values.setdefault("expires_after", {})[_EXPIRES_AFTER[name]] = value
        else:
            values[name] = value
    return values


def _converted(values: dict[str, Any]) -> FileForm:
    try:
        return msgspec.convert(values, FileForm, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error) from error


def _file(upload: Upload[Incoming]) -> Incoming:
    if upload.spool is None:
        raise InvalidParameter("Missing required parameter: 'file'.", param="file")
    if len(upload.filename) > _FILENAME_LENGTH:
        raise InvalidParameter(
            f"The file's name has more than {_FILENAME_LENGTH} characters.", param="file"
        )
    return upload.spool
