"""`/v1/batches`: makes, lists, describes and cancels batches."""

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from shim.api.openapi.operation import Operation
from shim.batches.new_batch import NewBatch
from shim.batches.service import Batches
from shim.http.auth import owner_of
from shim.http.query import read_query
from shim.http.request import ApiRequest

from .answer import batch_list, batch_object
from .protocol import BatchList, BatchObject, BatchRequest, PageQuery

_RETRY = "x-stainless-retry-count"
"""The header in which OpenAI's clients say how often they have sent a request before."""


class BatchesController(Controller):
    """`/v1/batches`."""

    path = "/v1/batches"

    @post(
        status_code=200,
        operation=Operation(
            summary="Run the requests of a file.", request=BatchRequest, answers=(BatchObject,)
        ),
    )
    async def create(self, request: ApiRequest, batches: NamedDependency[Batches]) -> BatchObject:
        """Make a batch of an uploaded file; a client's retry gets the one that it made before."""
        data = await request.read(BatchRequest)
        keep = data.output_expires_after
        new = NewBatch(
            input_file_id=data.input_file_id,
            endpoint=data.endpoint,
            completion_window=data.completion_window,
            metadata=data.metadata,
            output_expires_seconds=keep.seconds if keep else None,
        )
        is_retry = request.headers.get(_RETRY, "0") != "0"
        return batch_object(
            await batches.runner.create(new, owner_of(request.scope), is_retry=is_retry)
        )

    @get(operation=Operation(summary="List batches, the newest first.", answers=(BatchList,)))
    async def list(
        self,
        request: ApiRequest,
        batches: NamedDependency[Batches],
        *,
        limit: FromQuery[str | None] = None,
        after: FromQuery[str | None] = None,
    ) -> BatchList:
        """Return a page of the client's batches."""
        given = {"limit": limit, "after": after}
        query = read_query(given, PageQuery)
        found, has_more = await batches.runner.page(
            owner_of(request.scope), limit=query.limit, after=query.after
        )
        return batch_list(found, has_more=has_more)

    @get(
        "/{batch_id:str}",
        operation=Operation(summary="Describe a batch.", answers=(BatchObject,)),
    )
    async def retrieve(
        self, request: ApiRequest, batches: NamedDependency[Batches], batch_id: FromPath[str]
    ) -> BatchObject:
        """Return a batch with its counts as they are now."""
        return batch_object(await batches.runner.get(batch_id, owner_of(request.scope)))

    # Reads no body: OpenAI's client sends an empty one that it calls JSON.
    @post(
        "/{batch_id:str}/cancel",
        status_code=200,
        operation=Operation(summary="Cancel a batch.", answers=(BatchObject,)),
    )
    async def cancel(
        self, request: ApiRequest, batches: NamedDependency[Batches], batch_id: FromPath[str]
    ) -> BatchObject:
        """Let a batch end with the results that it has."""
        return batch_object(await batches.runner.cancel(batch_id, owner_of(request.scope)))
