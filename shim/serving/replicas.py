"""Follows the replicas of models on a cluster: as many requests run as all replicas take."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager

from backends.base import Backend, ReplicatedBackend

from .served_model import ServedModel

_SECONDS = 0.5
"""Seconds between two looks at the numbers of replicas, which makes no call."""


def follow(models: Iterable[ServedModel[Backend]]) -> None:
    """Let each of *models* on a cluster run `max_running` requests for each of its replicas.

    Without any replica it is as with one: a request has to run for Ray Serve to start the first.
    """
    for model in models:
        if isinstance(model.backend, ReplicatedBackend):
            count = len(model.backend.replicas())
            model.admission.resize(model.max_running * max(count, 1))


@asynccontextmanager
async def followed(
    models: Callable[[], Iterable[ServedModel[Backend]]],
) -> AsyncGenerator[None, None]:
    """Do what `follow` does, for what *models* returns, twice a second during the block."""

    async def run() -> None:
        while True:
            follow(models())
            await asyncio.sleep(_SECONDS)

    following = asyncio.create_task(run())
    try:
        yield
    finally:
        following.cancel()
        await asyncio.wait([following])


def by_node(models: Iterable[ServedModel[Backend]]) -> dict[str, dict[str, int]]:
    """Return how many replicas each of *models* on a cluster has on each node, by their ids."""
    return {
        model.id: dict(Counter(replica.node for replica in model.backend.replicas()))
        for model in models
        if isinstance(model.backend, ReplicatedBackend)
    }
