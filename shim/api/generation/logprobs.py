"""Translates log probabilities to the wire's form, for chats and responses."""

from collections.abc import Sequence

from backends.base import LOWEST_LOGPROB, Candidate
from backends.base import TokenLogprob as EngineLogprob

from .protocol import Logprobs, TokenLogprob, TopLogprob


def logprobs(tokens: Sequence[EngineLogprob]) -> Logprobs | None:
    """Return the natural-log probabilities of *tokens*, None if there are no tokens.

    Minus infinity, which JSON does not have, becomes LOWEST_LOGPROB.
    """
    if not tokens:
        return None
    return Logprobs(
        content=[
            TokenLogprob(
                token=token.drawn.token,
                logprob=max(token.drawn.logprob, LOWEST_LOGPROB),
                bytes=list(token.drawn.bytes),
                top_logprobs=[_top(candidate) for candidate in token.top],
            )
            for token in tokens
        ]
    )


def _top(candidate: Candidate) -> TopLogprob:
    return TopLogprob(
        token=candidate.token,
        logprob=max(candidate.logprob, LOWEST_LOGPROB),
        bytes=list(candidate.bytes),
    )
