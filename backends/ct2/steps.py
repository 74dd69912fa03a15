"""Gives the steps of one call of CTranslate2's Generator to the choices of its batch."""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .choices import Choice, Sent

if TYPE_CHECKING:
    from ctranslate2 import GenerationStepResult


class Steps:
    """The callback of one call.

    The engine calls it for each choice in turn, once the choice's prompt is read, and waits for it.
    """

    def __init__(
        self,
        choices: Sequence[Choice],
        loop: AbstractEventLoop,
        *,
        yields: Callable[[], bool],
        on_step: Callable[[], None],
    ) -> None:
        """Take the batch's *choices*, those with the longest prompts first.

        *yields* is called at the first token: if it returns True, the call ends before anything is
        sent. Items are sent on *loop*. *on_step* is called for each step of the batch.
        """
        self._choices = choices
        self._loop = loop
        self._yields = yields
        self._on_step = on_step
        self.yielded = False
        """Whether the call ended before anything was sent."""
        shortest = len(choices[-1].prompt)
        self._begins = [len(choice.prompt) - shortest for choice in choices]
        self._running = set(range(len(choices)))
        self._step = -1
        self._awaited = 0
        self._rows: list[NDArray[np.float32]] = []
        self._unsent: list[tuple[Choice, Sent]] = []

    def take(self, step: "GenerationStepResult") -> bool:
        """Give *step* to its choice; return whether the choice needs no more of them."""
        first = self._step < 0
        if step.step != self._step:
            self._begin(step)
        if first:
            self.yielded = self._yields()
        if self.yielded:
            return True
        batch_id: int = step.batch_id
        choice = self._choices[batch_id]
        row = self._rows[-self._awaited] if self._rows else None
        if sent := choice.take(step, row):
            self._unsent.append((choice, sent))
        ended = choice.finished or choice.left
        if ended:
            self._running.remove(batch_id)
        self._awaited -= 1
        if not self._awaited:
            self._send()
        return ended

    def _send(self) -> None:
        """Send what the choices returned for one step, in one turn of the event loop."""
        self._loop.call_soon_threadsafe(_send, self._unsent)
        self._unsent = []

    def _begin(self, step: "GenerationStepResult") -> None:
        """Begin with the first of the callbacks of a step, which has the logits of all choices.

        The engine sorts the prompts by length, the longest first, so the logits of those that it
        still reads come first, and those of the others in the order of their callbacks.
        """
        self._on_step()
        self._step = step.step
        self._awaited = sum(self._begins[at] <= step.step for at in self._running)
        self._rows = []
        if step.logits is not None:
            logits = np.array(step.logits, np.float32)
            self._rows = list(logits.reshape(-1, logits.shape[-1]))


def _send(items: list[tuple[Choice, Sent]]) -> None:
    for choice, sent in items:
        choice.send(sent)
