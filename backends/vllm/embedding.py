"""The engine that embeds: vLLM's AsyncLLM behind the EmbeddingBackend seam."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any
from uuid import uuid4

import numpy as np
from vllm.entrypoints.pooling.embed.protocol import EmbeddingCompletionRequest
from vllm.exceptions import VLLMClientError
from vllm.pooling_params import PoolingParams
from vllm.renderers.inputs.preprocess import parse_model_prompt
from vllm.v1.engine.async_llm import AsyncLLM

from backends.base import Embedding, EmbeddingJob
from backends.failures import (
    EngineDead,
    InvalidOption,
    InvalidRequest,
    PromptTooLong,
    UnsupportedOption,
)

from .failures import by_meaning


class VllmEmbedding:
    """An EmbeddingBackend over a running AsyncLLM, which it owns.

    Tokens and pooling as in `vllm.entrypoints.pooling`: by the request of vLLM's own server, so
    that the numbers are the same.
    """

    def __init__(self, engine: AsyncLLM) -> None:
        self._engine: AsyncLLM | None = engine
        self._config = engine.model_config

    @classmethod
    async def over(cls, engine: AsyncLLM) -> "VllmEmbedding":
        """Take *engine* over; close it and raise ValueError where its model is for other things."""
        tasks = await engine.get_supported_tasks()
        if "embed" in tasks:
            return cls(engine)
        engine.shutdown()
        raise ValueError(f"it is a model for {' and '.join(tasks)}, not for embeddings")

    @property
    def max_model_len(self) -> int:
        """Tokens that a text may have; what vLLM made of it while it started."""
        return int(self._config.max_model_len)

    async def ready(self) -> bool:
        """Whether the engine's processes live."""
        return self._engine is not None and not self._engine.errored

    async def embed(self, job: EmbeddingJob) -> AsyncGenerator[Embedding, None]:
        """Embed one text; see EmbeddingBackend."""
        if self._engine is None:
            raise EngineDead("the engine has been closed")
        with by_meaning(), _named():
            request = _request(job)
            params = self._params(request)
            prompt = parse_model_prompt(self._config, request.input)
            tokenized = request.build_tok_params(self._config)
            (rendered,) = await self._engine.renderer.render_cmpl_async([prompt], tokenized)
            # Closing these outputs is what aborts the request in the engine.
            outputs = self._engine.encode(rendered, params, uuid4().hex)
            async with aclosing(outputs):
                async for output in outputs:
                    yield _embedding(output)

    def _params(self, request: EmbeddingCompletionRequest) -> PoolingParams:
        params = request.to_pooling_params()
        try:
            params.verify(self._config)
        except VLLMClientError as refusal:
            kind = InvalidOption if self._config.is_matryoshka else UnsupportedOption
            raise kind(str(refusal), option="dimensions") from refusal
        return params

    def close(self, *, patience: float) -> None:
        """Ask the engine's processes to end; kill them after *patience* seconds."""
        if self._engine is not None:
            self._engine.shutdown(timeout=patience)
            # See VllmChat.
            self._engine = None


def _request(job: EmbeddingJob) -> EmbeddingCompletionRequest:
    return EmbeddingCompletionRequest(
        input=job.input if isinstance(job.input, str) else list(job.input),
        add_special_tokens=job.add_special_tokens,
        dimensions=job.dimensions,
        use_activation=job.use_activation,
        truncate_prompt_tokens=job.truncate_prompt_tokens,
        truncation_side=job.truncation_side,
    )


def _embedding(output: Any) -> Embedding:
    if output.error is not None:
        raise EngineDead(output.error.message)
    values = output.outputs.data.float().numpy()
    return Embedding(values=values.astype(np.float32), prompt_tokens=len(output.prompt_token_ids))


@contextmanager
def _named() -> Iterator[None]:
    """Raise vLLM's refusals with the field of EmbeddingJob that is at fault."""
    try:
        yield
    except VLLMClientError as refusal:
        raise _refused(refusal) from refusal


def _refused(refusal: VLLMClientError) -> InvalidRequest:
    name = getattr(refusal, "parameter", None)
    if name in ("input_text", "input_tokens"):
        return PromptTooLong(str(refusal), option="input")
    # What has no name is about the tokens: there are none, or they are beyond the vocabulary.
    return InvalidOption(str(refusal), option=name or "input")
