"""Wire → engine values of text completions: pure functions, no I/O."""

from typing import cast

from backends.base import Generation
from shim.api.generation.response_format import to_format
from shim.api.generation.sampling import to_sampling
from shim.api.generation.token_limit import token_limit
from shim.api.generation.vllm_parameters import extras
from shim.errors import InvalidParameter, UnsupportedParameter

from .protocol import CompletionRequest

_MAX_TOKENS = 16
"""OpenAI's default, also of an explicit null."""


def to_generations(
    request: CompletionRequest, *, adapter: str | None = None, choices: int | None = None
) -> list[Generation]:
    """Return a generation per prompt; raise InvalidParameter or UnsupportedParameter.

    *choices* is how many there may be of all prompts together; None: any number.
    """
    if (request.best_of or 0) > (request.n or 1):
        raise UnsupportedParameter("`best_of` above `n` is not supported.", param="best_of")
    options = request.stream_options
    if options is not None and options.include_usage and not request.stream:
        raise InvalidParameter("`stream_options` needs `stream: true`.", param="stream_options")
    prompts = _prompts(request)
    wanted = len(prompts) * (request.n or 1)
    if choices is not None and wanted > choices:
        raise InvalidParameter(
            f"`n` of all prompts together is {wanted}, more than the {choices} allowed.", param="n"
        )
    asked = token_limit(request, "max_tokens", "max_completion_tokens", "max_output_tokens")
    limit = _MAX_TOKENS if asked is None else asked
    sampling = to_sampling(request, max_tokens=limit, top_logprobs=_top(request))
    # Once for all prompts: each may hold thousands of items.
    format_, extra = to_format(request.response_format), extras(request)
    return [
        Generation(
            prompt=prompt,
            sampling=sampling,
            echo=bool(request.echo),
            format=format_,
            adapter=adapter,
            stream=bool(request.stream),
            extras=extra,
        )
        for prompt in prompts
    ]


def _top(request: CompletionRequest) -> int | None:
    # `false` and `true` are what harnesses written for chat send.
    if request.logprobs is None or request.logprobs is False:
        return None
    return int(request.logprobs)


def _prompts(request: CompletionRequest) -> list[str | tuple[int, ...]]:
    prompt = request.prompt
    if isinstance(prompt, str):
        return [prompt]
    kinds = list(map(type, prompt))
    if len({*kinds}) > 1:
        other = next(at for at, kind in enumerate(kinds) if kind is not kinds[0])
        raise InvalidParameter("`prompt` mixes texts and token ids.", param=f"prompt[{other}]")
    if kinds[0] is int:
        return [tuple(cast("list[int]", prompt))]
    return [tuple(one) if isinstance(one, list) else cast("str", one) for one in prompt]
