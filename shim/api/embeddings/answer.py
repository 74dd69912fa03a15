"""Makes the answer of an embedding request from the engine's vectors."""

import base64
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from backends.base import Embedding
from shim.errors import NotFinite

from .protocol import EmbeddingItem, EmbeddingList, EmbeddingUsage


async def encoded(
    embeddings: AsyncGenerator[tuple[int, Embedding], None], *, in_base64: bool
) -> AsyncGenerator[tuple[EmbeddingItem, int], None]:
    """Yield the item of each vector as soon as it comes, and the number of its input's tokens.

    *embeddings* are `(index of the input, vector)`, in any order. Encoding thousands of long
    vectors at the end would block the event loop for seconds. Raises NotFinite for a vector with
    NaN or infinity. Closing this generator closes *embeddings*.
    """
    encode = _base64 if in_base64 else _numbers
    async with aclosing(embeddings):
        async for index, embedding in embeddings:
            if not np.isfinite(embedding.values).all():
                raise NotFinite("The model's answer holds numbers that are not finite.")
            item = EmbeddingItem(index=index, embedding=encode(embedding.values))
            yield item, embedding.prompt_tokens


def embedding_list(model: str, items: Iterable[tuple[EmbeddingItem, int]]) -> EmbeddingList:
    """Return the answer with *items* in the order of the inputs, and the sum of their tokens.

    *items* are those of `encoded`, in any order.
    """
    ordered = sorted(items, key=lambda pair: pair[0].index)
    tokens = sum(tokens for _, tokens in ordered)
    return EmbeddingList(
        data=[item for item, _ in ordered],
        model=model,
        usage=EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens),
    )


def _numbers(values: NDArray[np.float32]) -> list[float]:
    # Every float32 is a double, and JSON numbers are doubles: the client reads the same numbers.
    # Encoded here, so that encoding the whole answer later only copies bytes.
    return cast("list[float]", msgspec.Raw(msgspec.json.encode(values.tolist())))


def _base64(values: NDArray[np.float32]) -> str:
    return base64.b64encode(values.astype("<f4").tobytes()).decode()
