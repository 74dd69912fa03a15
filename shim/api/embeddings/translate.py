"""Translates an embedding request to a job for each input: pure functions, no I/O."""

from collections.abc import Iterator
from typing import cast

from backends.base import EmbeddingJob
from shim.errors import InvalidParameter

from .protocol import EmbeddingRequest


def to_jobs(request: EmbeddingRequest) -> list[EmbeddingJob]:
    """Return a job for each input, in their order.

    Raises InvalidParameter if there is no input, if one is empty, or if texts and token ids are
    mixed.
    """
    return [
        EmbeddingJob(
            input=one,
            add_special_tokens=request.add_special_tokens is not False,
            dimensions=request.dimensions,
            use_activation=request.use_activation,
            truncate_prompt_tokens=request.truncate_prompt_tokens,
            truncation_side=request.truncation_side,
        )
        for one in _inputs(request.input)
    ]


def _inputs(field: str | list[str | int | list[int]]) -> Iterator[str | tuple[int, ...]]:
    """Yield each text, or the token ids of each text; raise InvalidParameter for invalid inputs."""
    types = [str] if isinstance(field, str) else list(map(type, field))
    if len({*types}) > 1:
        other = next(index for index, type_ in enumerate(types) if type_ is not types[0])
        raise InvalidParameter("`input` mixes texts and token ids.", param=f"input[{other}]")
    inputs = field if isinstance(field, list) and int not in types else [field]
    if not inputs or not all(inputs):
        raise InvalidParameter("`input` must not be empty or hold an empty input.", param="input")
    for one in inputs:
        yield one if isinstance(one, str) else tuple(cast("list[int]", one))
