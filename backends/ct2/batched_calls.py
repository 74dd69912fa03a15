"""Merges the calls of many requests to one CTranslate2 Generator."""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from backends.base import Batch
from backends.batch_calls import MaxBatch, Size
from backends.batch_runs import AGAIN
from backends.batching import Batcher
from backends.failures import EngineDead
from backends.threaded_engine import ThreadedEngine, device_lost

from .choices import Choice
from .steps import Steps

if TYPE_CHECKING:
    from ctranslate2 import Generator

T = TypeVar("T")

Read = Callable[[NDArray[np.float32]], T]
"""Reads what a request wants of its log probabilities, of shape (tokens, vocabulary)."""

_MOST = 32
"""Texts of one batch."""
_TOKENS = 65_536
"""Tokens of a batch's prompts and completions: each takes 4 kB in the built-in model."""
_SCORED_TOKENS = 1024
"""Tokens of a batch that is scored: each takes 4 bytes for each token of the vocabulary."""
_SCORED_DIFFERENCE = 16
"""Tokens by which texts that are scored may differ in length: a shorter one is computed as if it
were as long as the longest."""
_LOGITS = 4096
"""Logits that take as much memory as a token of a prompt: the engine keeps them to the end."""
_SHARED_PREFIX = 16
"""Fewest tokens at the beginning of all prompts that are worth a call of their own."""
_CHEAP_PROMPT = 512
"""Most tokens of a prompt that is read twice for the sake of a larger batch."""
_SPARE = 4
"""Batches that may run beside the usual ones, for calls that have waited long."""
_PATIENCE = 2.0
"""Seconds. A shorter wait makes smaller batches, which are slower in sum."""


class BatchedGenerator(ThreadedEngine):
    """A loaded Generator with a batcher in front."""

    @staticmethod
    def threads(batches: int) -> int:
        """Return the threads that a Generator needs for so many *batches* at once."""
        return batches + _SPARE

    def __init__(
        self,
        generator: "Generator",
        loop: AbstractEventLoop,
        *,
        batches: int,
        max_length_difference: int,
        on_batch: Callable[[Batch], None],
        name: str,
    ) -> None:
        """Put a batcher in front of *generator*, which has `threads(batches)` threads.

        Prompts of one batch differ by at most *max_length_difference* tokens; texts to score too,
        and by 16 at most. Items are sent on *loop*. *name* is the model's, for the log.
        """
        self._generator = generator
        self._exact = max_length_difference == 0
        self._loop = loop
        batcher = Batcher(
            {"generate": self._generate, "score": self._score},
            workers=batches,
            spare=_SPARE,
            patience=_PATIENCE,
            max_batch={
                "generate": MaxBatch(calls=_MOST, spread=max_length_difference, cost=_TOKENS),
                "score": MaxBatch(
                    calls=_MOST,
                    spread=min(_SCORED_DIFFERENCE, max_length_difference),
                    cost=_SCORED_TOKENS,
                ),
            },
            on_batch=on_batch,
            name=name,
            is_lost=device_lost,
        )
        super().__init__(generator, batcher)

    def generate(self, choices: Sequence[Choice]) -> list["Future[None]"]:
        """Generate the texts of *choices*, of one request; each sends its items.

        A future ends with its batch, which may go on after the choice has sent its finish. Until
        the batch begins, it can be cancelled. A failure before the finish is the future's.
        """
        group, size = _group(choices[0]), _size(choices[0])
        return self.batcher.submit_all("generate", group, choices, size)

    def score(self, tokens: list[str], read: Read[T]) -> "Future[T]":
        """Return what *read* makes of the log probabilities of what follows each of *tokens*."""
        size = Size(length=len(tokens), cost=len(tokens))
        return self.batcher.submit("score", None, (tokens, read), size)

    def _generate(self, choices: Sequence[Choice]) -> list[Any]:
        """Continue the prompts of *choices*, which are of one group."""
        if any(choice.begun for choice in choices):  # their batch failed, and runs again in halves
            raise EngineDead("The engine failed in the middle of an answer.")
        # In the engine's own order, in which `Steps` finds the logits.
        ordered = sorted(choices, key=lambda choice: -len(choice.prompt))
        prefix = _shared_prefix([choice.prompt for choice in ordered], exact=self._exact)
        rests = [choice.prompt[len(prefix) :] for choice in ordered]
        steps = Steps(
            ordered, self._loop, yields=self._yields(ordered), on_step=self.batcher.beat()
        )
        self._generator.generate_batch(
            rests,
            static_prompt=prefix or None,
            cache_static_prompt=False,
            include_prompt_in_result=False,
            max_length=max(choice.limit for choice in choices),
            callback=steps.take,
            **choices[0].arguments,
        )
        return [AGAIN if steps.yielded else None] * len(choices)

    def _yields(self, choices: Sequence[Choice]) -> Callable[[], bool]:
        """Return a function that says whether *choices* should wait for a larger batch.

        A lone call does, if others came while its prompt was read: without that the first of many
        requests would be computed before the others, not with them.
        """
        (choice, *others) = choices
        if others or len(choice.prompt) > _CHEAP_PROMPT:
            return lambda: False
        return partial(self.batcher.waits, "generate", _group(choice), _size(choice))

    def _score(self, calls: Sequence[tuple[list[str], Read[Any]]]) -> list[Any]:
        """Return what each call reads of its log probabilities."""
        texts = [tokens for tokens, _ in calls]
        rows = np.asarray(self._generator.forward_batch(texts, return_log_probs=True))
        return [read(own[: len(tokens)]) for (tokens, read), own in zip(calls, rows, strict=True)]


def _group(choice: Choice) -> Hashable:
    """Return what the choices of one call of the engine have to share."""
    # A penalty for repetition counts the tokens that are read one by one, and prompts of one token
    # make the engine count prompts as generated: both only with prompts of equal lengths.
    penalty = choice.arguments["repetition_penalty"] != 1
    equal = len(choice.prompt) if penalty or len(choice.prompt) == 1 else None
    return (tuple(sorted(choice.arguments.items())), equal)


def _size(choice: Choice) -> Size:
    logits = choice.vocabulary if choice.arguments["return_logits_vocab"] else 0
    cost = len(choice.prompt) + choice.limit * (1 + logits // _LOGITS)
    return Size(length=len(choice.prompt), cost=cost)


def _shared_prefix(prompts: list[list[str]], *, exact: bool) -> list[str]:
    """Return the tokens with which all *prompts*, the longest first, begin: to be read once.

    [] if they are few. *exact*: only if it rounds as each prompt alone does, which the engine reads
    in one piece up to its last token.
    """
    longest, shortest = len(prompts[0]), len(prompts[-1])
    # What the first and the last in sorted order share, those between share too.
    pairs = zip(min(prompts), max(prompts), strict=False)
    shared = [token for token, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    # Two tokens remain of prompts of unlike lengths, see `_group`.
    shared = shared[: shortest - (1 if longest == shortest else 2)]
    worthwhile = len(prompts) > 1 and len(shared) >= _SHARED_PREFIX
    return shared if worthwhile and not (exact and len(shared) < longest - 1) else []
