"""Translates Sampling to the arguments of CTranslate2's Generator; refuses what it lacks."""

from backends.base import Sampling
from backends.failures import InvalidOption, PromptTooLong, UnsupportedOption

ENGINE = "CTranslate2"

_SMALLEST_DIVISOR = 1e-30
"""Smallest number by which the engine divides logits safely in single precision."""


def token_limit(*, prompt: int, max_tokens: int | None, context: int, shorten: bool) -> int:
    """Return how many tokens may be generated after *prompt* tokens: at most *max_tokens*.

    As in vLLM, the *context* holds the tokens of prompt and completion together. Raises
    PromptTooLong if it lacks room for *max_tokens*; if *shorten*, or if *max_tokens* is None, only
    if it lacks room for the first of them.
    """
    completion = 1 if max_tokens is None else min(max_tokens, 1) if shorten else max_tokens
    if prompt + completion > context:
        raise PromptTooLong.by(prompt=prompt, completion=completion, context=context)
    room = context - prompt
    return room if max_tokens is None else min(max_tokens, room)


def refuse_unsupported(sampling: Sampling) -> None:
    """Raise UnsupportedOption for what CTranslate2's sampler lacks, if it changes the answer.

    Raises InvalidOption for a `repetition_penalty` that is too small for the engine's precision.
    """
    if 0 < (sampling.repetition_penalty or 1) < _SMALLEST_DIVISOR:
        raise InvalidOption("`repetition_penalty` is too small.", option="repetition_penalty")
    random = not _is_greedy(sampling)
    if random and sampling.seed is not None:
        # The engine has one random generator for each thread, not for each request.
        raise UnsupportedOption(
            f"`seed` is not supported by this model's engine ({ENGINE}) where tokens are drawn at "
            "random. With `temperature` 0, `top_p` 0 or `top_k` 1 the answer is the same for every "
            "seed.",
            option="seed",
        )
    refused = {
        "presence_penalty": bool(sampling.presence_penalty),
        "frequency_penalty": bool(sampling.frequency_penalty),
        "min_p": random and bool(sampling.min_p),
        "logit_bias": bool(sampling.logit_bias),
        # The logits that the engine returns already include the penalty.
        "logprobs": sampling.top_logprobs is not None
        and sampling.repetition_penalty not in (None, 1),
    }
    for option, refuse in refused.items():
        if refuse:
            raise UnsupportedOption(
                f"`{option}` is not supported by this model's engine ({ENGINE}).", option=option
            )


def arguments(sampling: Sampling, vocabulary: int) -> dict[str, float]:
    """Return *sampling* as arguments of `generate_batch`; *vocabulary* is its size in tokens.

    The Generator is greedy by default; here the default is OpenAI's temperature 1. Values that
    OpenAI allows and the Generator refuses are replaced by equivalents: `top_p` 0 by the most
    probable token, a `top_k` of the vocabulary's size or more by 0, which means all tokens.
    """
    penalty = {"repetition_penalty": sampling.repetition_penalty or 1.0}
    if _is_greedy(sampling):
        return {"sampling_topk": 1, **penalty}
    top_k = max(sampling.top_k or 0, 0)
    return {
        "sampling_temperature": _or_one(sampling.temperature),
        "sampling_topk": top_k if top_k < vocabulary else 0,
        "sampling_topp": _or_one(sampling.top_p),
        **penalty,
    }


def _is_greedy(sampling: Sampling) -> bool:
    """Return whether only the most probable token can be drawn."""
    narrow = sampling.top_k == 1 or (sampling.min_p is not None and sampling.min_p >= 1)
    return narrow or min(_or_one(sampling.temperature), _or_one(sampling.top_p)) < _SMALLEST_DIVISOR


def _or_one(value: float | None) -> float:
    """Return *value*, a temperature or a `top_p`; 1 if it is None."""
    return 1.0 if value is None else value
