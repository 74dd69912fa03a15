"""Makes the whole answer of a text completion from the engine's items: pure functions."""

from codecs import IncrementalDecoder, getincrementaldecoder
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from msgspec import UNSET, UnsetType

from backends.base import (
    LOWEST_LOGPROB,
    EngineExtras,
    Finish,
    Generated,
    PromptEcho,
    TextDelta,
    TokenLogprob,
)
from shim.api.generation.heading import Heading
from shim.api.generation.protocol import Usage
from shim.api.generation.usage import usage

from .protocol import Choice, Logprobs, TextCompletion

PromptItem = tuple[int, Generated]
"""The number of a prompt in the request, from 0, and an item of its generation."""


def completion(heading: Heading, items: Iterable[PromptItem], *, n: int) -> TextCompletion:
    """Return the answer that the *items* of all prompts make, with *n* choices for each prompt.

    Raises Unfinished if there is no `Finish` among them.
    """
    texts: defaultdict[int, ChoiceText] = defaultdict(ChoiceText)
    finishes: dict[int, Finish] = {}
    for prompt, item in items:
        for index in choices_of(item, prompt, n):
            if isinstance(item, Finish):
                finishes[index] = item
            else:
                texts[index].add(item)
    choices = [texts[index].whole(finishes[index], index) for index in sorted(finishes)]
    return event(heading, choices, usage(finishes.values()))


class ChoiceText:
    """Collects the text of one choice, its tokens and the engine's extras."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._tokens: list[tuple[str, int, TokenLogprob | None]] = []
        """Each token's text, its offset in characters, and its log probabilities."""
        self._token_ids: list[int] = []
        self._extras: dict[str, Any] = {}
        self._sent = 0
        """Number of the tokens that `_new_logprobs` has returned."""
        self._length = 0
        """Number of whole characters in the tokens so far."""

    def add(self, item: Generated) -> None:
        """Append *item*; raise TypeError for reasoning and tool calls, which no text has."""
        match item:
            case EngineExtras(values):
                self._extras = values
            case PromptEcho():
                self._texts.append(item.text)
                self._tokens += zip(item.tokens, item.offsets, item.logprobs, strict=True)
                self._length = len(item.text)
            case TextDelta():
                self._texts.append(item.text)
                for token in item.logprobs:
                    self._add_token(token)
                self._token_ids += item.token_ids
            case _:
                raise TypeError(f"a text has no {type(item).__name__}")

    def _add_token(self, token: TokenLogprob) -> None:
        self._tokens.append((token.drawn.token, self._length, token))
        self._length += len(self._decoder.decode(token.drawn.bytes))

    @cached_property
    def _decoder(self) -> IncrementalDecoder:
        # Made for the first log probability: a request may have thousands of texts without any.
        return getincrementaldecoder("utf-8")("replace")

    def whole(self, finish: Finish, index: int) -> Choice:
        """Return all of the text as choice *index*, which ends with *finish*."""
        return Choice(
            text="".join(self._texts),
            index=index,
            logprobs=self._new_logprobs(),
            finish_reason=finish.reason,
            stop_reason=or_unset(finish.stop_reason),
            token_ids=self._token_ids or UNSET,
            prompt_token_ids=self._extras.get("prompt_token_ids", UNSET),
            prompt_logprobs=self._extras.get("prompt_logprobs", UNSET),
        )

    def next_part(self, item: PromptEcho | TextDelta, index: int) -> Choice:
        """Append *item* and return it as a part of choice *index*.

        The first part also carries the ids of the prompt's tokens, if the engine sends them.
        """
        self.add(item)
        extras, self._extras = self._extras, {}
        token_ids, self._token_ids = self._token_ids, []
        return Choice(
            text=item.text,
            index=index,
            logprobs=self._new_logprobs(),
            token_ids=token_ids or UNSET,
            prompt_token_ids=extras.get("prompt_token_ids", UNSET),
        )

    def _new_logprobs(self) -> Logprobs | None:
        """Return the log probabilities of the tokens since the last call, None if there are none.

        Each is a natural logarithm, at least LOWEST_LOGPROB.
        """
        tokens = self._tokens[self._sent :]
        if not tokens:
            return None
        self._sent = len(self._tokens)
        return Logprobs(
            tokens=[text for text, _, _ in tokens],
            token_logprobs=[
                None if token is None else _finite(token.drawn.logprob) for _, _, token in tokens
            ],
            top_logprobs=[None if token is None else _candidates(token) for _, _, token in tokens],
            text_offset=[offset for _, offset, _ in tokens],
        )


def _candidates(token: TokenLogprob) -> dict[str, float]:
    """Return the most probable tokens and *token* itself: text → log probability.

    *token* comes last: if another token has the same text, the value of *token* is kept.
    """
    return {
        candidate.token: _finite(candidate.logprob)
        for candidate in (*reversed(token.top), token.drawn)
    }


def _finite(logprob: float) -> float:
    return max(logprob, LOWEST_LOGPROB)


def choices_of(item: Generated, prompt: int, n: int) -> Sequence[int]:
    """Return the indices of the choices that get *item*, an item of prompt number *prompt*.

    The echo and the extras of a prompt belong to all of its *n* choices.
    """
    if isinstance(item, PromptEcho | EngineExtras):
        return range(prompt * n, (prompt + 1) * n)
    return (prompt * n + item.index,)


def or_unset(reason: int | str | None) -> int | str | UnsetType:
    """Return *reason*, or UNSET for None: an answer leaves out a stop reason that is missing."""
    return UNSET if reason is None else reason


def event(
    heading: Heading, choices: list[Choice], usage: Usage | UnsetType | None
) -> TextCompletion:
    """Return a whole answer, or one event of a stream: both have the same shape."""
    return TextCompletion(
        id=heading.id,
        created=heading.created,
        model=heading.model,
        choices=choices,
        system_fingerprint=heading.fingerprint,
        usage=usage,
    )
