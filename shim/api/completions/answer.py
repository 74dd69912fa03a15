"""Engine values → the whole answer of a text completion: pure functions, no I/O."""

from codecs import IncrementalDecoder, getincrementaldecoder
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, cast

from msgspec import UNSET, UnsetType

from backends.base import (
    LOWEST_LOGPROB,
    Extras,
    Finish,
    Generated,
    PromptEcho,
    TextDelta,
    TokenLogprob,
)
from shim.api.generation.heading import Heading
from shim.api.generation.protocol import Usage

from .protocol import Choice, Logprobs, TextCompletion

Item = tuple[int, Generated]
"""What came of which prompt."""


def completion(heading: Heading, items: Iterable[Item], *, n: int) -> TextCompletion:
    """Fold the *items* of all prompts, with *n* choices each, into the whole answer."""
    texts: defaultdict[int, ChoiceText] = defaultdict(ChoiceText)
    finishes: dict[int, Finish] = {}
    for at, item in items:
        for index in choices_of(item, at, n):
            if isinstance(item, Finish):
                finishes[index] = item
            else:
                texts[index].add(item)
    choices = [texts[index].whole(finishes[index], index) for index in sorted(finishes)]
    return event(heading, choices, usage(finishes, n))


class ChoiceText:
    """One choice's text while it comes, and what is known of its tokens."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._tokens: list[tuple[str, int, TokenLogprob | None]] = []
        """Each with the place where it begins and with what it weighs."""
        self._token_ids: list[int] = []
        self._extras: dict[str, Any] = {}
        self._told = 0
        self._length = 0
        """Characters of the text that the tokens so far complete."""

    def add(self, item: Generated) -> None:
        """Take the prompt, what is told of it, or a delta."""
        match item:
            case Extras(values):
                self._extras = values
            case PromptEcho():
                self.pieces.append(item.text)
                self._tokens += zip(item.tokens, item.offsets, item.logprobs, strict=True)
                self._length = len(item.text)
            case TextDelta():
                self.pieces.append(item.text)
                for weighed in item.logprobs:
                    self._add_token(weighed)
                self._token_ids += item.token_ids
            case _:
                raise TypeError(f"a text has no {type(item).__name__}")

    def _add_token(self, weighed: TokenLogprob) -> None:
        self._tokens.append((weighed.drawn.token, self._length, weighed))
        self._length += len(self._decoder.decode(weighed.drawn.bytes))

    @cached_property
    def _decoder(self) -> IncrementalDecoder:
        """Made only where there are log probabilities: a request may have thousands of texts."""
        return getincrementaldecoder("utf-8")("replace")

    def whole(self, finish: Finish, index: int) -> Choice:
        """Return all of it."""
        return Choice(
            text="".join(self.pieces),
            index=index,
            logprobs=self.logprobs(),
            finish_reason=finish.reason,
            stop_reason=or_unset(finish.stop_reason),
            token_ids=self._token_ids or UNSET,
            prompt_token_ids=self._extras.get("prompt_token_ids", UNSET),
            prompt_logprobs=self._extras.get("prompt_logprobs", UNSET),
        )

    def piece(self, item: PromptEcho | TextDelta, index: int) -> Choice:
        """Take *item* and return it as a piece; what is told of the prompt goes with the first."""
        self.add(item)
        told, self._extras = self._extras, {}
        ids, self._token_ids = self._token_ids, []
        return Choice(
            text=item.text,
            index=index,
            logprobs=self.logprobs(),
            token_ids=ids or UNSET,
            prompt_token_ids=told.get("prompt_token_ids", UNSET),
        )

    def logprobs(self) -> Logprobs | None:
        """Return what has not been told yet of log probabilities; None where there are none."""
        new = self._tokens[self._told :]
        if not new:
            return None
        self._told = len(self._tokens)
        return Logprobs(
            tokens=[token for token, _, _ in new],
            token_logprobs=[None if w is None else _number(w.drawn.logprob) for _, _, w in new],
            top_logprobs=[None if w is None else _rivals(w) for _, _, w in new],
            text_offset=[offset for _, offset, _ in new],
        )


def _rivals(weighed: TokenLogprob) -> dict[str, float]:
    """Return the rivals by their texts, the token itself always among them.

    It comes last: of two tokens with the same text the one that stands there counts.
    """
    return {
        candidate.token: _number(candidate.logprob)
        for candidate in (*reversed(weighed.top), weighed.drawn)
    }


def _number(logprob: float) -> float:
    return max(logprob, LOWEST_LOGPROB)


def choices_of(item: Generated, at: int, n: int) -> Sequence[int]:
    """Return the choices that *item* of prompt *at* belongs to: the prompt's to all of its *n*."""
    if isinstance(item, PromptEcho | Extras):
        return range(at * n, (at + 1) * n)
    return (at * n + item.index,)


def usage(finishes: dict[int, Finish], n: int) -> Usage:
    """Return the tokens of all choices; *finishes* are their ends, *n* for each prompt."""
    # A prompt counts once, however many choices it has.
    prompt = sum(finish.prompt_tokens for index, finish in finishes.items() if index % n == 0)
    written = sum(finish.completion_tokens for finish in finishes.values())
    return Usage(prompt_tokens=prompt, completion_tokens=written, total_tokens=prompt + written)


def or_unset(reason: int | str | None) -> int | str | UnsetType:
    """Return a stop reason as the wire has it: left out where there is none."""
    return UNSET if reason is None else reason


def event(heading: Heading, choices: list[Choice], usage: object) -> TextCompletion:
    """Return the whole answer, or one event of a stream: both have the same shape."""
    return TextCompletion(
        id=heading.id,
        created=heading.created,
        model=heading.model,
        choices=choices,
        system_fingerprint=heading.fingerprint,
        usage=cast("Usage", usage),
    )
