"""Shares each model among the batches: few lines at a time, every batch in its turn."""

import asyncio
from collections.abc import Callable

from shim.serving.models import Models

_TIMES_RUNNING = 2
"""Lines of a model in flight, as a multiple of its `max_running`: its slots never wait for one."""

_UNKNOWN = 16
"""Lines in flight whose model is not served: each only fails."""


class Turns:
    """How many lines of each model may be in flight, over all batches."""

    def __init__(self, models: Callable[[], Models]) -> None:
        """*models* returns those that new requests use."""
        self._models = models
        self._turns: dict[tuple[str, int], asyncio.Semaphore] = {}

    def model(self, name: str) -> str:
        """Return the id of the model *name*, which shares its slots; empty if it is not served."""
        models = self._models()
        return models.find(name).id if name in models else ""

    async def take(self, model: str) -> asyncio.Semaphore:
        """Wait for a turn of *model*, which the caller releases.

        Turns are given in the order in which they are waited for. A batch that waits for one at a
        time gets as many as each other.
        """
        models = self._models()
        most = _UNKNOWN
        if model in models:
            most = _TIMES_RUNNING * models.find(model).admission.max_running
        # A reload can change a model's slots: the new number is then another semaphore.
        turns = self._turns.setdefault((model, most), asyncio.Semaphore(most))
        await turns.acquire()
        return turns
