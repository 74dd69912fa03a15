"""The embedding backend: vLLM's AsyncLLM behind the EmbeddingBackend seam."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

from vllm.entrypoints.pooling.embed.protocol import EmbeddingCompletionRequest
from vllm.exceptions import VLLMClientError
from vllm.pooling_params import PoolingParams
from vllm.renderers import TokenizeParams
from vllm.renderers.inputs.preprocess import parse_model_prompt
from vllm.v1.engine.async_llm import AsyncLLM

from backends.base import Embedding, EmbeddingJob, Prompt
from backends.conversation import Conversation
from backends.failures import (
    EngineDead,
    InvalidOption,
    InvalidRequest,
    PromptTooLong,
    UnsupportedOption,
)
from backends.self_test import one_vector
from backends.vllm.requests.renderer import PromptRenderer

from .engine_backend import EngineBackend
from .failures import PROMPT_PARAMETERS, live_engine, translated_errors


class VllmEmbedding(EngineBackend):
    """An EmbeddingBackend over one running AsyncLLM.

    Texts are tokenized and pooled through the request class of vLLM's own server
    (`vllm.entrypoints.pooling`), so that the numbers are the same.
    """

    @classmethod
    async def over(cls, engine: AsyncLLM) -> "VllmEmbedding":
        """Return a backend over *engine*; raise ValueError if its model does not embed texts."""
        task = engine.model_config.get_pooling_task(await engine.get_supported_tasks())
        if task != "embed":
            raise ValueError(f"it is a model for {task}, not for embeddings")
        if engine.model_config.pooler_config.enable_chunked_processing:
            raise ValueError("enable_chunked_processing is not supported: send shorter texts")
        return cls(engine)

    def _prepare(self, engine: AsyncLLM) -> None:
        self._config = engine.model_config
        self._renderer = PromptRenderer(engine.renderer, self._tokenizer)

    async def self_test(self) -> None:
        """Embed one text."""
        await one_vector(self)

    async def tokenize(self, prompt: Prompt, *, add_special_tokens: bool = True) -> list[int]:
        """Return the token ids that `embed` would use for *prompt*, however many there are.

        Raises UnsupportedOption for a conversation.
        """
        if isinstance(prompt, Conversation):
            raise UnsupportedOption(
                "An embedding model reads texts, not conversations.", option="messages"
            )
        job = EmbeddingJob(input=prompt, add_special_tokens=add_special_tokens)
        with translated_errors(), _naming_fields():
            request = _request(job)
            limits = request.build_tok_params(self._config)
            if isinstance(prompt, str):
                # Not in the renderer's only thread, because this text may have any length.
                text = prompt.lower() if limits.do_lower_case else prompt
                special = limits.add_special_tokens
                return await self._tokenizer.encode(text, add_special_tokens=special)
            rendered = await self._render(request, replace(limits, max_total_tokens=None))
            return list(rendered["prompt_token_ids"])

    async def embed(self, job: EmbeddingJob) -> AsyncGenerator[Embedding, None]:
        """Embed one text; see EmbeddingBackend."""
        with live_engine(self._engine) as engine, _naming_fields():
            request = _request(job)
            params = self._params(request)
            prompt = await self._render(request, request.build_tok_params(self._config))
            outputs = engine.encode(prompt, params, uuid4().hex)
            # Closing the outputs aborts the request in the engine.
            async with aclosing(outputs):
                async for output in outputs:
                    yield _embedding(output)

    async def _render(self, request: EmbeddingCompletionRequest, limits: TokenizeParams) -> Any:
        """Return the request's one input in the form that the engine takes."""
        prompt = parse_model_prompt(self._config, request.input)
        (rendered,) = await self._renderer.render_cmpl_async([prompt], limits)
        return rendered

    def _params(self, request: EmbeddingCompletionRequest) -> PoolingParams:
        params = request.to_pooling_params()
        try:
            params.verify(self._config)
        except VLLMClientError as error:
            kind = InvalidOption if self._config.is_matryoshka else UnsupportedOption
            raise kind(str(error), option="dimensions") from error
        return params


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
    """Return the vector in a `vllm.PoolingRequestOutput`; raise EngineDead if it has an error."""
    if output.error is not None:
        raise EngineDead(output.error.message)
    values = output.outputs.data.float().numpy()
    return Embedding(values=values, prompt_tokens=len(output.prompt_token_ids))


@contextmanager
def _naming_fields() -> Iterator[None]:
    """Raise vLLM's refusals as errors of ours that name a field of EmbeddingJob."""
    try:
        yield
    except VLLMClientError as error:
        raise _invalid_request(error) from error
    except PromptTooLong as error:
        raise PromptTooLong(str(error), option="input") from error


def _invalid_request(error: VLLMClientError) -> InvalidRequest:
    name = getattr(error, "parameter", None)
    if name in PROMPT_PARAMETERS:
        return PromptTooLong(str(error), option="input")
    # An error without a parameter is about the tokens: the input has none, or unknown ones.
    return InvalidOption(str(error), option=name or "input")
