"""Embeddings: look up, translate, admit, answer."""

from litestar import Controller, Response, post
from litestar.di import NamedDependency

from shim.http.request import ApiRequest
from shim.serving.models import Models
from shim.serving.pipeline import collected, merged

from .protocol import EmbeddingList, EmbeddingRequest
from .translate import embedding_list, to_jobs, written


class EmbeddingsController(Controller):
    """`POST /v1/embeddings`."""

    path = "/v1/embeddings"

    @post(status_code=200)
    async def create(
        self,
        request: ApiRequest,
        models: NamedDependency[Models],
    ) -> Response[EmbeddingList]:
        """Turn texts into vectors."""
        data = await request.read(EmbeddingRequest)
        served = models.embedding(data.model)
        jobs = to_jobs(data)
        # A slot for each input, as for the prompts of a completion.
        served.refuse_beyond_capacity(len(jobs), "input")
        found = merged([served.admission.admit(served.backend.embed(job)) for job in jobs])
        items = written(found, in_base64=data.encoding_format == "base64")
        done = await collected(items)
        return Response(embedding_list(data.model or served.id, done))
