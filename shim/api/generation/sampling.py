"""Sampling parameters shared by all text routes, and their translation to `Sampling`."""

from typing import Annotated

from msgspec import Meta, Struct

from backends.base import Sampling

Probability = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Bias = Annotated[float, Meta(ge=-100, le=100)]
Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class SamplingFields(Struct, frozen=True, kw_only=True):
    """OpenAI's sampling parameters and some of vLLM's. Null means the model's own default."""

    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Probability | None = None
    top_k: Annotated[int, Meta(ge=-1)] | None = None
    min_p: Probability | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    repetition_penalty: Annotated[float, Meta(gt=0)] | None = None
    seed: Seed | None = None
    stop: str | list[str] | None = None
    logit_bias: dict[int, Bias] | None = None
    """Token id → the number that is added to its logit before sampling."""


def to_sampling(
    fields: SamplingFields, *, max_tokens: int | None, top_logprobs: int | None
) -> Sampling:
    """Translate *fields* to a `Sampling` with these *max_tokens* and *top_logprobs*.

    The last two are not read from *fields*, because each route has other names for them.
    """
    return Sampling(
        max_tokens=max_tokens,
        n=fields.n or 1,
        temperature=fields.temperature,
        top_p=fields.top_p,
        top_k=fields.top_k,
        min_p=fields.min_p,
        presence_penalty=fields.presence_penalty,
        frequency_penalty=fields.frequency_penalty,
        repetition_penalty=fields.repetition_penalty,
        seed=fields.seed,
        stop=_stop(fields.stop),
        logit_bias=fields.logit_bias or {},
        top_logprobs=top_logprobs,
    )


def _stop(stop: str | list[str] | None) -> tuple[str, ...]:
    # An empty stop string would match everywhere, so it is dropped.
    strings = [stop] if isinstance(stop, str) else stop or []
    return tuple(string for string in strings if string)
