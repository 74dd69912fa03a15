"""Detects, in bounded memory, texts that have far more tokens than a model's context.

A tokenizer takes some 130 to 900 bytes of memory per character: several GB for a text of 16 MB.
"""

from collections.abc import Callable, Iterable, Iterator

from backends.conversation import Conversation, Message, parts
from backends.failures import PromptTooLong

_PER_TOKEN = 8
"""Characters per token of the context up to which a text is tokenized whole, without a count."""
_PIECE = 16_384
"""Characters that are counted in one call: it takes 5 to 25 ms and at most some 15 MB."""
_CUT = 16
"""Tokens that a cut may add where it divides one token."""
_RENDERED = 128
"""Characters per token of the context up to which a conversation is rendered."""
_WHOLE = 1 << 18
"""Characters of the longest text that is tokenized without a count: up to 100 MB and 0.2 s."""


def is_counted(text: str, *, max_tokens: int) -> bool:
    """Return whether `exceeds` and `kept` count the tokens of *text*: whether it is long."""
    return len(text) > min(_PER_TOKEN * max_tokens, _WHOLE)


def exceeds(text: str, count: Callable[[str], int], *, max_tokens: int) -> bool:
    """Return True if *text* certainly has more than *max_tokens* tokens; blocks while it counts.

    *count* returns the number of a text's tokens without special ones. After False the caller has
    to tokenize the whole text and compare. A text of at most 8 characters per token of *max_tokens*
    and at most 2^18 characters is not counted: False. A longer text is counted in pieces of 16,384
    characters, until it has over 10 % too many tokens, as a cut between two pieces may add tokens.
    So the piece bounds the memory, and *max_tokens* bounds the time as long as no token has more
    than some hundred characters.
    """
    if not is_counted(text, max_tokens=max_tokens):
        return False
    pieces = (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
    return _characters_to_exceed(pieces, count, max_tokens) is not None


def kept(text: str, count: Callable[[str], int], *, max_tokens: int, from_end: bool) -> str:
    """Return a part of *text* with its first *max_tokens* tokens; with its last, if *from_end*.

    The part has at least a tenth more tokens than that, so that the cut changes none of them. The
    tokens are counted as in `exceeds`; a text that is not counted is returned whole.
    """
    if not is_counted(text, max_tokens=max_tokens):
        return text
    size = len(text)
    if from_end:
        pieces = (text[max(end - _PIECE, 0) : end] for end in range(size, 0, -_PIECE))
    else:
        pieces = (text[start : start + _PIECE] for start in range(0, size, _PIECE))
    characters = _characters_to_exceed(pieces, count, max_tokens)
    if characters is None:
        return text
    return text[size - characters :] if from_end else text[:characters]


def _characters_to_exceed(
    pieces: Iterable[str], count: Callable[[str], int], max_tokens: int
) -> int | None:
    """Return after how many characters *pieces* certainly exceed *max_tokens*; None if never."""
    limit = max_tokens + max_tokens // 10 + _CUT
    characters = counted = 0
    for piece in pieces:
        characters += len(piece)
        counted += count(piece)
        if counted > limit:
            return characters
    return None


def refuse_if_exceeds(text: str, count: Callable[[str], int], *, max_tokens: int) -> None:
    """Raise PromptTooLong, without a number of tokens, if `exceeds` returns True."""
    if exceeds(text, count, max_tokens=max_tokens):
        raise PromptTooLong.uncounted(context=max_tokens)


def characters(conversation: Conversation) -> int:
    """Return the number of characters in the contents and names of *conversation*."""
    return sum(len(text) for message in conversation.messages for text in _texts(message))


def refuse_to_render(conversation: Conversation, *, max_tokens: int) -> None:
    """Raise PromptTooLong for a *conversation* so long that no template makes it fit.

    A template adds to the messages, but may also drop parts, such as the reasoning of earlier
    turns. So the limit is 128 characters per token of *max_tokens*: the longest token of the usual
    vocabularies has as many. A shorter conversation is rendered, and its text is measured.
    """
    if characters(conversation) > _RENDERED * max_tokens:
        raise PromptTooLong.uncounted(context=max_tokens)


def _texts(message: Message) -> Iterator[str]:
    yield message.name or ""
    yield from (part for part in parts(message.content) if isinstance(part, str))
