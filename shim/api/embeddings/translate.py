"""Wire ↔ engine values for embeddings: pure functions, no I/O."""

import base64
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from typing import cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from backends.base import Embedding, EmbeddingJob
from shim.errors import InvalidParameter, NotFinite

from .protocol import EmbeddingItem, EmbeddingList, EmbeddingRequest, EmbeddingUsage

# ── wire → engine ─────────────────────────────────────────────────────────────


def to_jobs(request: EmbeddingRequest) -> list[EmbeddingJob]:
    """Return a job per input; raise InvalidParameter."""
    return [
        EmbeddingJob(
            input=one,
            add_special_tokens=request.add_special_tokens is not False,
            dimensions=request.dimensions,
            use_activation=request.use_activation,
            truncate_prompt_tokens=request.truncate_prompt_tokens,
            truncation_side=request.truncation_side,
        )
        for one in _inputs(request)
    ]


def _inputs(request: EmbeddingRequest) -> Iterator[str | tuple[int, ...]]:
    given = request.input
    kinds = [str] if isinstance(given, str) else list(map(type, given))
    if len({*kinds}) > 1:
        other = next(at for at, kind in enumerate(kinds) if kind is not kinds[0])
        raise InvalidParameter("`input` mixes texts and token ids.", param=f"input[{other}]")
    several = given if isinstance(given, list) and int not in kinds else [given]
    if not several or not all(several):
        raise InvalidParameter("`input` must not be empty, nor hold an empty input.", param="input")
    for one in several:
        yield one if isinstance(one, str) else tuple(cast("list[int]", one))


# ── engine → wire ─────────────────────────────────────────────────────────────


async def written(
    found: AsyncGenerator[tuple[int, Embedding], None], *, in_base64: bool
) -> AsyncGenerator[tuple[EmbeddingItem, int], None]:
    """Write down each vector as it comes, with its tokens; the index is that of its input.

    Thousands of vectors of thousands of numbers, all written at the end, would hold up the event
    loop for seconds. Raises NotFinite for a vector that holds no numbers.
    """
    write = _base64 if in_base64 else _numbers
    async with aclosing(found):
        async for index, embedding in found:
            if not np.isfinite(embedding.values).all():
                raise NotFinite("The model's answer holds numbers that are not finite.")
            item = EmbeddingItem(index=index, embedding=write(embedding.values))
            yield item, embedding.prompt_tokens


def embedding_list(model: str, items: Iterable[tuple[EmbeddingItem, int]]) -> EmbeddingList:
    """Put the *items*, which come in any order, into that of the inputs."""
    ordered = sorted(items, key=lambda found: found[0].index)
    tokens = sum(tokens for _, tokens in ordered)
    return EmbeddingList(
        data=[item for item, _ in ordered],
        model=model,
        usage=EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens),
    )


def _numbers(values: NDArray[np.float32]) -> list[float]:
    # Of float32 every one is a double too, and JSON has doubles: what is read is the same number.
    # JSON already, so that the whole answer has only to be put together.
    return cast("list[float]", msgspec.Raw(msgspec.json.encode(values.tolist())))


def _base64(values: NDArray[np.float32]) -> str:
    return base64.b64encode(values.astype("<f4").tobytes()).decode()
