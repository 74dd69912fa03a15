"""Serves files: upload, list, description, content and deletion."""

from typing import Any

from litestar import Controller, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from shim.api.openapi.operation import Operation, Schemas
from shim.batches.service import Batches
from shim.batches.store.table import StoredFile
from shim.http.auth import owner_of
from shim.http.file_answer import FileAnswer
from shim.http.json_answer import json_response
from shim.http.query import read_query
from shim.http.request import ApiRequest

from .protocol import DeletedFile, FileForm, FileList, FileObject, PageQuery
from .upload import stored_upload


def _form(schemas: Schemas) -> dict[str, Any]:
    """Return the schema of an upload, by media type."""
    file = {"type": "string", "format": "binary"}
    properties = {"file": file, **schemas[FileForm.__name__]["properties"]}
    schema = {"type": "object", "properties": properties, "required": ["file", "purpose"]}
    return {"multipart/form-data": {"schema": schema}}


class FilesController(Controller):
    """`/v1/files`: a file belongs to the key that it was sent with, and others do not see it."""

    path = "/v1/files"

    @post(
        status_code=200,
        operation=Operation(
            summary="Store a file.", request=FileForm, body=_form, answers=(FileObject,)
        ),
    )
    async def create(self, request: ApiRequest, batches: NamedDependency[Batches]) -> FileObject:
        """Store a file."""
        return _object(await stored_upload(request, batches.files, owner_of(request.scope)))

    @get(operation=Operation(summary="List files, the newest first.", answers=(FileList,)))
    async def list(
        self,
        request: ApiRequest,
        batches: NamedDependency[Batches],
        *,
        purpose: FromQuery[str | None] = None,
        limit: FromQuery[str | None] = None,
        order: FromQuery[str | None] = None,
        after: FromQuery[str | None] = None,
    ) -> Response[Any]:
        """Return a page of the client's files."""
        given = {"purpose": purpose, "limit": limit, "order": order, "after": after}
        query = read_query(given, PageQuery)
        page = await batches.files.page(
            owner_of(request.scope),
            purpose=query.purpose,
            limit=query.limit,
            order=query.order,
            after=query.after,
        )
        return await json_response(lambda: _list(page.files, page.has_more), page.files)

    @get("/{file_id:str}", operation=Operation(summary="Describe a file.", answers=(FileObject,)))
    async def retrieve(
        self, request: ApiRequest, batches: NamedDependency[Batches], file_id: FromPath[str]
    ) -> FileObject:
        """Return what is known of a file; raise UnknownFile."""
        return _object(await batches.files.get(file_id, owner_of(request.scope)))

    @get(
        "/{file_id:str}/content",
        operation=Operation(summary="Return the bytes of a file.", binary=True),
    )
    async def content(
        self, request: ApiRequest, batches: NamedDependency[Batches], file_id: FromPath[str]
    ) -> FileAnswer:
        """Return the bytes of a file; raise UnknownFile."""
        file = await batches.files.get(file_id, owner_of(request.scope))
        return FileAnswer(await batches.files.opened(file), file.size)

    @delete(
        "/{file_id:str}",
        status_code=200,
        operation=Operation(summary="Delete a file.", answers=(DeletedFile,)),
    )
    async def delete(
        self, request: ApiRequest, batches: NamedDependency[Batches], file_id: FromPath[str]
    ) -> DeletedFile:
        """Delete a file; raise UnknownFile. Batches that read it go on."""
        await batches.files.delete(file_id, owner_of(request.scope))
        return DeletedFile(id=file_id)


def _list(files: list[StoredFile], has_more: bool) -> FileList:  # noqa: FBT001
    return FileList(
        data=[_object(file) for file in files],
        first_id=files[0].id if files else None,
        last_id=files[-1].id if files else None,
        has_more=has_more,
    )


def _object(file: StoredFile) -> FileObject:
    return FileObject(
        id=file.id,
        bytes=file.size,
        created_at=file.created_at,
        expires_at=file.expires_at,
        filename=file.filename,
        purpose=file.purpose,
    )
