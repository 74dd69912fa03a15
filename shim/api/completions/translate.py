"""Translates a text completion request to a `Generation` for each prompt: pure functions."""

from typing import cast

from backends.base import Generation
from shim.api.generation.response_format import to_format
from shim.api.generation.sampling import to_sampling
from shim.api.generation.stream_options import refuse_usage_without_stream
from shim.api.generation.token_limit import token_limit
from shim.api.generation.vllm_parameters import engine_options
from shim.errors import InvalidParameter, UnsupportedParameter

from .protocol import CompletionRequest

_MAX_TOKENS = 16
"""Tokens of a completion whose limit is missing or null: OpenAI's default."""


def to_generations(
    request: CompletionRequest, *, lora: str | None = None, choices: int | None = None
) -> list[Generation]:
    """Return a generation for each prompt of *request*.

    *lora* is that of `Generation`. *choices* is the largest number of choices that all prompts
    together may have; None allows any number. Raises InvalidParameter or UnsupportedParameter,
    which names the field.
    """
    n = request.n or 1
    if (request.best_of or 0) > n:
        raise UnsupportedParameter("`best_of` above `n` is not supported.", param="best_of")
    refuse_usage_without_stream(request.stream_options, stream=request.stream)
    prompts = _prompts(request)
    total = len(prompts) * n
    if choices is not None and total > choices:
        raise InvalidParameter(
            f"The choices of all prompts (`n`) are {total}, more than the {choices} allowed.",
            param="n",
        )
    limit = token_limit(request, "max_tokens", "max_completion_tokens", "max_output_tokens")
    sampling = to_sampling(
        request,
        max_tokens=_MAX_TOKENS if limit is None else limit,
        top_logprobs=_top_logprobs(request),
    )
    # Translated once for all prompts: each of the two may hold thousands of items.
    format_, options = to_format(request.response_format), engine_options(request)
    return [
        Generation(
            prompt=prompt,
            sampling=sampling,
            echo=bool(request.echo),
            format=format_,
            lora=lora,
            stream=bool(request.stream),
            engine_options=options,
        )
        for prompt in prompts
    ]


def _top_logprobs(request: CompletionRequest) -> int | None:
    # Harnesses that were written for chats send `false` and `true`.
    if request.logprobs is None or request.logprobs is False:
        return None
    return int(request.logprobs)


def _prompts(request: CompletionRequest) -> list[str | tuple[int, ...]]:
    prompt = request.prompt
    if isinstance(prompt, str):
        return [prompt]
    types = list(map(type, prompt))
    if len({*types}) > 1:
        other = next(index for index, type_ in enumerate(types) if type_ is not types[0])
        raise InvalidParameter("`prompt` mixes texts and token ids.", param=f"prompt[{other}]")
    if types[0] is int:
        return [tuple(cast("list[int]", prompt))]
    return [tuple(one) if isinstance(one, list) else cast("str", one) for one in prompt]
