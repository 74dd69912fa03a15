"""Finds out, in bounded memory, that a text has far more tokens than a model's context holds.

A tokenizer needs some 130 to 900 bytes of memory per character: a text of 16 MB takes several GB.
"""

from collections.abc import Callable

from .failures import PromptTooLong

_PER_TOKEN = 8
"""Characters per token of context that a text may have to be tokenized whole, uncounted."""
_PIECE = 16_384
"""Characters that are counted at once: 5 to 25 ms, and some 15 MB at most."""
_CUT = 16
"""Tokens that may come of cutting one token in two."""


def exceeds(text: str, count: Callable[[str], int], *, max_tokens: int) -> bool:
    """Return True if *text* certainly has more than *max_tokens* tokens; blocks while it counts.

    *count* returns the number of a text's tokens without special ones. False means: tokenize the
    whole text and compare. That is the answer for every text of at most 8 characters per token of
    *max_tokens*. A longer one is counted in pieces of 16,384 characters, until there are more than
    10 % too many tokens, since a cut between two pieces may add some. So memory is bounded by the
    piece, and time by *max_tokens*, as long as every token has at most some hundred characters.
    """
    if len(text) <= _PER_TOKEN * max_tokens:
        return False
    limit = max_tokens + max_tokens // 10 + _CUT
    counted = 0
    for start in range(0, len(text), _PIECE):
        counted += count(text[start : start + _PIECE])
        if counted > limit:
            return True
    return False


def refuse_if_exceeds(text: str, count: Callable[[str], int], *, max_tokens: int) -> None:
    """Raise PromptTooLong, with the number of tokens left open, if `exceeds` returns True."""
    if exceeds(text, count, max_tokens=max_tokens):
        raise PromptTooLong.uncounted(context=max_tokens)
