"""How CTranslate2's Generator draws: the seam's words in its own, and what it has no words for."""

from backends.base import Sampling
from backends.failures import InvalidOption, PromptTooLong, UnsupportedOption

ENGINE = "CTranslate2"

_NOTHING = 1e-30
"""What is smaller is 0 in the engine's single precision, or becomes infinite as a divisor."""


def token_limit(prompt: int, wanted: int | None, context: int, *, shorten: bool) -> int:
    """Return how many tokens may be generated, as vLLM counts: prompt and completion together.

    If *shorten*, at least one of those *wanted* has to fit, else all. Raises PromptTooLong.
    """
    completion = 1 if wanted is None else min(wanted, 1) if shorten else wanted
    if prompt + completion > context:
        raise PromptTooLong.by(prompt=prompt, completion=completion, context=context)
    left = context - prompt
    return left if wanted is None else min(wanted, left)


def refuse_unsupported(sampling: Sampling) -> None:
    """Refuse what CTranslate2's sampler lacks, wherever it would change the answer."""
    if 0 < (sampling.repetition_penalty or 1) < _NOTHING:
        raise InvalidOption("`repetition_penalty` is too small.", option="repetition_penalty")
    random = not _is_greedy(sampling)
    if random and sampling.seed is not None:
        # Its random generators belong to threads.
        raise UnsupportedOption(
            f"`seed` is not supported by this model's engine ({ENGINE}) where tokens are drawn at "
            "random: `temperature` 0, `top_p` 0 or `top_k` 1 take the most probable ones, which "
            "any seed repeats.",
            option="seed",
        )
    refused = {
        "presence_penalty": bool(sampling.presence_penalty),
        "frequency_penalty": bool(sampling.frequency_penalty),
        "min_p": random and bool(sampling.min_p),
        "logit_bias": bool(sampling.logit_bias),
        # Its logits are those after the penalty.
        "logprobs": sampling.top_logprobs is not None
        and sampling.repetition_penalty not in (None, 1),
    }
    for option, refuse in refused.items():
        if refuse:
            raise UnsupportedOption(
                f"`{option}` is not supported by this model's engine ({ENGINE}).", option=option
            )


def arguments(sampling: Sampling, vocabulary: int) -> dict[str, float]:
    """Translate to the Generator's names; its own default is greedy, OpenAI's is temperature 1.

    What OpenAI allows and the Generator refuses has its like: a nucleus of probability 0 is the
    most probable token, the *vocabulary* or more of the most probable are all.
    """
    penalty = {"repetition_penalty": sampling.repetition_penalty or 1.0}
    if _is_greedy(sampling):
        return {"sampling_topk": 1, **penalty}
    top_k = max(sampling.top_k or 0, 0)
    return {
        "sampling_temperature": _or_all(sampling.temperature),
        "sampling_topk": top_k if top_k < vocabulary else 0,
        "sampling_topp": _or_all(sampling.top_p),
        **penalty,
    }


def _is_greedy(sampling: Sampling) -> bool:
    """Return whether only the most probable token can be drawn."""
    narrow = sampling.top_k == 1 or (sampling.min_p is not None and sampling.min_p >= 1)
    return narrow or min(_or_all(sampling.temperature), _or_all(sampling.top_p)) < _NOTHING


def _or_all(value: float | None) -> float:
    """Return a temperature or a nucleus, 1 where none is given."""
    return 1.0 if value is None else value
