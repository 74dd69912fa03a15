"""Reads a multipart form until its model is known, and keeps the bytes of one that is sent on."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from backends.base import RemoteBackend, RemoteBody
from shim.http.request import ApiRequest
from shim.http.spool import Spool
from shim.serving.models import Models
from shim.serving.served_model import ServedModel

from .model_part import ModelPart

_PIECE = 1 << 18
"""Bytes of a kept form that are read at once."""


async def read_form(
    request: ApiRequest, models: Models, boundary: str, spool: Spool
) -> tuple[ServedModel[RemoteBackend], RemoteBody] | None:
    """Return the remote model that a form is for, and its body, which is in *spool*.

    None if the model is not remote: the next `stream` of *request* then has the whole form.
    """
    part = ModelPart(boundary)
    chunks = request.stream()
    served: ServedModel[RemoteBackend] | None = None
    is_found = False
    async for chunk in chunks:
        spool.add(chunk)
        await spool.write()
        if is_found:
            continue
        if is_found := part.feed(chunk):
            served = models.remote(part.value or None)
            if served is None:
                break
    await spool.finish()
    served = served or models.remote(part.value or None)
    if served is None:
        request.replay(_replayed(spool, chunks))
        return None
    return served, _body(spool, part, boundary)


async def _replayed(spool: Spool, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield what *spool* holds, and close it; then *rest*."""
    async with aclosing(rest):
        async for piece in kept(spool):
            yield piece
        spool.close()
        async for chunk in rest:
            yield chunk


async def kept(spool: Spool) -> AsyncGenerator[bytes, None]:
    """Yield all that *spool* holds."""
    spool.file.seek(0)
    while piece := spool.file.read(_PIECE):
        yield piece


def _body(spool: Spool, part: ModelPart, boundary: str) -> RemoteBody:
    """Return the form in *spool* with the place of its model; a form without one gets one."""
    if part.value is not None:
        return RemoteBody(
            content=spool.file,
            size=spool.size,
            name_start=part.start,
            name_end=part.end,
            form="text",
        )
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\n'
    return RemoteBody(
        content=spool.file,
        size=spool.size,
        before_name=head.encode("latin-1", "replace"),
        after_name=b"\r\n",
        form="text",
    )
