"""Embeddings: find the model, translate, run, answer."""

from litestar import Controller, Response, post
from litestar.di import NamedDependency

from shim.api.openapi.operation import Operation
from shim.api.remote.answer import RemoteAnswer
from shim.api.remote.passing import passed_on
from shim.http.request import ApiRequest
from shim.serving.models import Models
from shim.serving.pipeline import collected, merged

from .answer import embedding_list, encoded
from .protocol import EmbeddingList, EmbeddingRequest
from .translate import to_jobs


class EmbeddingsController(Controller):
    """`POST /v1/embeddings`."""

    path = "/v1/embeddings"

    @post(
        status_code=200,
        operation=Operation(
            summary="Turn texts into vectors.",
            request=EmbeddingRequest,
            answers=(EmbeddingList,),
        ),
    )
    async def create(
        self,
        request: ApiRequest,
        models: NamedDependency[Models],
    ) -> Response[EmbeddingList] | RemoteAnswer:
        """Turn texts into vectors."""
        remote = passed_on(request, models, "/embeddings", check=_read, route="embeddings")
        if (answer := await remote) is not None:
            return answer
        data = await _read(request)
        served = models.embedding(data.model)
        jobs = to_jobs(data)
        # Each input takes a slot, as each prompt of a text completion does.
        served.refuse_beyond_capacity(len(jobs), "input")
        streams = [served.run(served.backend.embed(job), route="embeddings") for job in jobs]
        items = encoded(merged(streams), in_base64=data.encoding_format == "base64")
        return Response(embedding_list(data.model or served.id, await collected(items)))


async def _read(request: ApiRequest) -> EmbeddingRequest:
    return await request.read(EmbeddingRequest)
