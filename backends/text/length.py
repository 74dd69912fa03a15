"""Finds out, in bounded memory, that a text has far more tokens than a model's context holds.

A tokenizer needs some 130 to 900 bytes of memory per character: a text of 16 MB takes several GB.
"""

from collections.abc import Callable, Iterable, Iterator

from backends.conversation import Conversation, Message, parts
from backends.failures import PromptTooLong

_PER_TOKEN = 8
"""Characters per token of context that a text may have to be tokenized whole, uncounted."""
_PIECE = 16_384
"""Characters that are counted at once: 5 to 25 ms, and some 15 MB at most."""
_CUT = 16
"""Tokens that may come of cutting one token in two."""
_RENDERED = 128
"""Characters per token of context beyond which a conversation is not rendered."""
_WHOLE = 1 << 18
"""Characters of the longest text that is tokenized whole, uncounted: up to 100 MB and 0.2 s."""


def is_counted(text: str, *, max_tokens: int) -> bool:
    """Return whether *text* is long enough for `exceeds` and `kept` to count its tokens."""
    return len(text) > min(_PER_TOKEN * max_tokens, _WHOLE)


def exceeds(text: str, count: Callable[[str], int], *, max_tokens: int) -> bool:
    """Return True if *text* certainly has more than *max_tokens* tokens; blocks while it counts.

    *count* returns the number of a text's tokens without special ones. False means: tokenize the
    whole text and compare. That is the answer for every text of at most 8 characters per token of
    *max_tokens*, and 2^18 together. A longer one is counted in pieces of 16,384 characters, until
    there are more than 10 % too many tokens, since a cut between two pieces may add some. So memory
    is bounded by the piece, and time by *max_tokens*, as long as every token has at most some
    hundred characters.
    """
    if not is_counted(text, max_tokens=max_tokens):
        return False
    pieces = (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
    return _sufficient(pieces, count, max_tokens) is not None


def kept(text: str, count: Callable[[str], int], *, max_tokens: int, from_end: bool) -> str:
    """Return the part of *text* that has its first *max_tokens* tokens, or its last *from_end*.

    And at least a tenth of that more, so that the cut changes none of those tokens. Counts as
    `exceeds` does; a text that is not counted is returned as it is.
    """
    if not is_counted(text, max_tokens=max_tokens):
        return text
    size = len(text)
    if from_end:
        pieces = (text[max(end - _PIECE, 0) : end] for end in range(size, 0, -_PIECE))
    else:
        pieces = (text[start : start + _PIECE] for start in range(0, size, _PIECE))
    characters = _sufficient(pieces, count, max_tokens)
    if characters is None:
        return text
    return text[size - characters :] if from_end else text[:characters]


def _sufficient(pieces: Iterable[str], count: Callable[[str], int], max_tokens: int) -> int | None:
    """Return after how many characters *pieces* certainly have more tokens; None if never."""
    limit = max_tokens + max_tokens // 10 + _CUT
    characters = counted = 0
    for piece in pieces:
        characters += len(piece)
        counted += count(piece)
        if counted > limit:
            return characters
    return None


def refuse_if_exceeds(text: str, count: Callable[[str], int], *, max_tokens: int) -> None:
    """Raise PromptTooLong, with the number of tokens left open, if `exceeds` returns True."""
    if exceeds(text, count, max_tokens=max_tokens):
        raise PromptTooLong.uncounted(context=max_tokens)


def characters(conversation: Conversation) -> int:
    """Return how many characters a template has to render in the messages of *conversation*."""
    return sum(len(text) for message in conversation.messages for text in _texts(message))


def refuse_to_render(conversation: Conversation, *, max_tokens: int) -> None:
    """Raise PromptTooLong for a *conversation* so long that no template makes it fit.

    A template adds to the messages, but may leave some out, such as the reasoning of earlier turns.
    So this only refuses more than 128 characters per token of *max_tokens*, which is also the
    longest token of the usual vocabularies. The text that comes of a shorter one is measured.
    """
    if characters(conversation) > _RENDERED * max_tokens:
        raise PromptTooLong.uncounted(context=max_tokens)


def _texts(message: Message) -> Iterator[str]:
    yield message.name or ""
    yield from (part for part in parts(message.content) if isinstance(part, str))
