"""The engine that embeds: vLLM's AsyncLLM behind the EmbeddingBackend seam."""

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

from .failures import alive, by_meaning
from .tokenizer import Tokenizer


class VllmEmbedding:
    """An EmbeddingBackend over a running AsyncLLM, which it owns.

    Tokens and pooling as in `vllm.entrypoints.pooling`: by the request of vLLM's own server, so
    that the numbers are the same.
    """

    def __init__(self, engine: AsyncLLM) -> None:
        self.take(engine)

    def take(self, engine: AsyncLLM) -> None:
        """Answer through *engine* from now on."""
        self._config = engine.model_config
        self._tokenizer = Tokenizer(engine.model_config)
        self._renderer = PromptRenderer(engine.renderer, self._tokenizer)
        self._engine: AsyncLLM | None = engine

    @classmethod
    async def over(cls, engine: AsyncLLM) -> "VllmEmbedding":
        """Take *engine*; raise ValueError where its model is for other things."""
        task = engine.model_config.get_pooling_task(await engine.get_supported_tasks())
        if task != "embed":
            raise ValueError(f"it is a model for {task}, not for embeddings")
        if engine.model_config.pooler_config.enable_chunked_processing:
            raise ValueError("enable_chunked_processing is not supported: send shorter texts")
        return cls(engine)

    @property
    def max_model_len(self) -> int:
        """Tokens that a text may have; what vLLM made of it while it started."""
        return int(self._config.max_model_len)

    async def ready(self) -> bool:
        """Whether the engine's processes live."""
        return self._engine is not None and not self._engine.errored

    async def self_test(self) -> None:
        """Embed one text."""
        await one_vector(self)

    async def tokenize(self, prompt: Prompt, *, add_special_tokens: bool = True) -> list[int]:
        """Return the token ids of *prompt*, as they would be embedded, but of any number."""
        if isinstance(prompt, Conversation):
            raise UnsupportedOption("An embedding model reads texts.", option="messages")
        job = EmbeddingJob(input=prompt, add_special_tokens=add_special_tokens)
        with by_meaning(), _named():
            request = _request(job)
            limits = request.build_tok_params(self._config)
            if isinstance(prompt, str):
                # Not in the thread in which prompts are rendered: there is no bound on this text.
                text = prompt.lower() if limits.do_lower_case else prompt
                special = limits.add_special_tokens
                return await self._tokenizer.encode(text, add_special_tokens=special)
            rendered = await self._render(request, replace(limits, max_total_tokens=None))
            return list(rendered["prompt_token_ids"])

    async def detokenize(self, tokens: tuple[int, ...]) -> str:
        """Return the text of *tokens*."""
        return await self._tokenizer.decode(tokens)

    async def token_texts(self, tokens: tuple[int, ...]) -> list[str]:
        """Return the text of each of *tokens*."""
        return await self._tokenizer.texts(tokens)

    def tokenizer_info(self) -> dict[str, Any]:
        """Return what transformers knows of the tokenizer."""
        return self._tokenizer.described(max_model_len=self.max_model_len)

    async def embed(self, job: EmbeddingJob) -> AsyncGenerator[Embedding, None]:
        """Embed one text; see EmbeddingBackend."""
        with alive(self._engine) as engine, _named():
            request = _request(job)
            params = self._params(request)
            prompt = await self._render(request, request.build_tok_params(self._config))
            # Closing these outputs is what aborts the request in the engine.
            outputs = engine.encode(prompt, params, uuid4().hex)
            async with aclosing(outputs):
                async for output in outputs:
                    yield _embedding(output)

    async def _render(self, request: EmbeddingCompletionRequest, limits: TokenizeParams) -> Any:
        """Return the request's one input as the engine takes it."""
        prompt = parse_model_prompt(self._config, request.input)
        (rendered,) = await self._renderer.render_cmpl_async([prompt], limits)
        return rendered

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
    return Embedding(values=values, prompt_tokens=len(output.prompt_token_ids))


@contextmanager
def _named() -> Iterator[None]:
    """Raise vLLM's refusals with the field of EmbeddingJob that is at fault."""
    try:
        yield
    except VLLMClientError as refusal:
        raise _refused(refusal) from refusal
    except PromptTooLong as refusal:
        raise PromptTooLong(str(refusal), option="input") from refusal


def _refused(refusal: VLLMClientError) -> InvalidRequest:
    name = getattr(refusal, "parameter", None)
    if name in ("input_text", "input_tokens"):
        return PromptTooLong(str(refusal), option="input")
    # What has no name is about the tokens: there are none, or they are beyond the vocabulary.
    return InvalidOption(str(refusal), option=name or "input")
