"""A Generation as vLLM takes it: its own chat template, its own server's sampling."""

from typing import Any, NamedTuple

from msgspec.structs import replace
from vllm import envs
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.entrypoints.serve.engine.protocol import ErrorResponse
from vllm.entrypoints.serve.utils.api_utils import get_max_tokens
from vllm.renderers.online_renderer import OnlineRenderer
from vllm.sampling_params import SamplingParams, SamplingType

from backends.base import Conversation, Generation, Message, Sampling
from backends.failures import InvalidOption, PromptTooLong


class EngineRequest(NamedTuple):
    """What `AsyncLLM.generate` takes, and how often its choice is given out."""

    prompt: Any
    params: SamplingParams
    copies: int


class Requests:
    """Turns Generations into requests for one engine, as vLLM's own chat server would.

    The same renderer and the same order of defaults (request, generation config, OpenAI's) as
    `vllm.entrypoints.openai.chat_completion.serving`, so that scores are the same.
    """

    def __init__(self, model_config: Any, renderer: Any) -> None:
        self._model_config = model_config
        self._vocabulary = int(model_config.get_vocab_size())
        self._online = OnlineRenderer(
            model_config=model_config,
            renderer=renderer,
            request_logger=None,
            chat_template=None,
            chat_template_content_format="auto",
        )
        if self._online.parser is not None:
            raise ValueError("its answers need a parser (gpt-oss's channels), which is not here")
        self._online.warmup()
        self._defaults = model_config.get_diff_sampling_param()
        self._cap = _max_tokens_cap(model_config, self._defaults)

    async def render(self, generation: Generation) -> EngineRequest:
        """Make a prompt of what is continued, and settle every sampling value.

        Raises vLLM's own refusals, InvalidOption, and PromptTooLong where prompt and requested
        completion exceed the context: vLLM's server would cut the completion short instead.
        """
        request, prompt = await self._rendered(generation)
        max_tokens = self._max_tokens(generation.sampling, len(prompt["prompt_token_ids"]))
        params = request.to_sampling_params(max_tokens, self._defaults)
        return _spread(EngineRequest(prompt, params, copies=1), generation.sampling.n)

    async def _rendered(self, generation: Generation) -> tuple[Any, Any]:
        """Return vLLM's own request, and its prompt as the engine takes it."""
        sampling = generation.sampling
        if isinstance(generation.prompt, Conversation):
            chat = _chat_request(generation.prompt, sampling)
            conversation = await self._online.render_chat(chat)
            if isinstance(conversation, ErrorResponse):
                raise InvalidOption(conversation.error.message, option="messages")
            _, (prompt,) = conversation
            return chat, prompt
        self._check(generation.prompt)
        completion = _completion_request(generation.prompt, sampling, echo=generation.echo)
        prompts = await self._online.render_completion(completion)
        if isinstance(prompts, ErrorResponse):
            raise InvalidOption(prompts.error.message, option="prompt")
        (prompt,) = prompts
        return completion, prompt

    def _check(self, prompt: str | tuple[int, ...]) -> None:
        """Refuse by its field what vLLM refuses without one."""
        if not prompt:
            raise InvalidOption("The prompt holds no token.", option="prompt")
        if not isinstance(prompt, str):
            self.check_ids(prompt, option="prompt")

    def check_ids(self, ids: tuple[int, ...], *, option: str) -> None:
        """Raise InvalidOption, naming *option*, for ids that the model has not."""
        if not all(0 <= token < self._vocabulary for token in ids):
            raise InvalidOption("There are token ids beyond the vocabulary.", option=option)

    async def ids(self, prompt: Conversation | tuple[int, ...]) -> list[int]:
        """Return the token ids of *prompt*."""
        _, rendered = await self._rendered(Generation(prompt=prompt, sampling=Sampling()))
        return list(rendered["prompt_token_ids"])

    def _max_tokens(self, sampling: Sampling, prompt_tokens: int) -> int:
        wanted = 1 if sampling.max_tokens is None else max(sampling.max_tokens, 1)
        limit = self._model_config.max_model_len
        if prompt_tokens + wanted > limit:
            raise PromptTooLong.by(prompt=prompt_tokens, completion=wanted, context=limit)
        return int(
            get_max_tokens(
                limit,
                # vLLM generates a token at least: one that nobody asked for is dropped later.
                None if sampling.max_tokens is None else wanted,
                prompt_tokens,
                self._defaults,
                self._cap,
            )
        )


def _max_tokens_cap(model_config: Any, defaults: dict[str, Any]) -> int | None:
    """Return the operator's own bound on completions, as `OpenAIServingChat.__init__` finds it."""
    if model_config.generation_config not in ("auto", "vllm"):
        return defaults.get("max_tokens")
    return (model_config.override_generation_config or {}).get("max_new_tokens")


def _chat_request(conversation: Conversation, sampling: Sampling) -> ChatCompletionRequest:
    return ChatCompletionRequest(
        messages=[_message(message) for message in conversation.messages],
        logprobs=sampling.top_logprobs is not None,
        top_logprobs=sampling.top_logprobs or 0,
        **_drawing(sampling),
    )


def _completion_request(
    prompt: str | tuple[int, ...], sampling: Sampling, *, echo: bool
) -> CompletionRequest:
    return CompletionRequest(
        prompt=prompt if isinstance(prompt, str) else list(prompt),
        max_tokens=sampling.max_tokens,
        logprobs=sampling.top_logprobs,
        echo=echo,
        **_drawing(sampling),
    )


def _drawing(sampling: Sampling) -> dict[str, Any]:
    """Return what both of vLLM's requests have the same words for."""
    return {
        "stream": True,  # vLLM's word for deltas
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "repetition_penalty": sampling.repetition_penalty,
        "seed": sampling.seed,
        "stop": list(sampling.stop),
        "logit_bias": {str(token): bias for token, bias in sampling.logit_bias.items()} or None,
    }


def _message(message: Message) -> dict[str, Any]:
    content: str | list[dict[str, str]]
    if isinstance(message.content, str):
        content = message.content
    else:
        content = [{"type": "text", "text": text} for text in message.content]
    name = {} if message.name is None else {"name": message.name}
    return {"role": message.role, "content": content, **name}


def _spread(request: EngineRequest, n: int) -> EngineRequest:
    """Ask for *n* choices.

    Greedy choices are all the same: one is computed and given out n times. (vLLM refuses n > 1
    at temperature 0, OpenAI answers, and harnesses send it.)
    """
    if not 1 <= n <= envs.VLLM_MAX_N_SEQUENCES:
        raise InvalidOption(f"n must be from 1 to {envs.VLLM_MAX_N_SEQUENCES}, got {n}", option="n")
    if request.params.sampling_type is SamplingType.GREEDY:
        return request._replace(copies=n)
    return request._replace(params=replace(request.params, n=n))
