"""Turns the logits of a CTranslate2 Generator into the seam's log probabilities."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.base import PromptEcho, TokenLogprob
from backends.text.token_bytes import TokenBytes


class LogprobReader:
    """Returns the log probability of tokens, each with the *top* most probable ones of its step."""

    def __init__(self, token_bytes: TokenBytes, *, top: int) -> None:
        self._token_bytes = token_bytes
        self._top = top

    def token_logprob(self, token: int, logits: NDArray[np.floating[Any]]) -> TokenLogprob:
        """Return the log probability of *token* in the *logits* of its step: (vocabulary)."""
        values = logits.astype(np.float64)
        highest = values.max()
        return self._ranked(token, values - highest - np.log(np.exp(values - highest).sum()))

    def echo(
        self, text: str, tokens: list[int], log_probs: NDArray[np.floating[Any]]
    ) -> PromptEcho:
        """Return the echo of *text*, whose token ids are *tokens*.

        *log_probs* has the shape (len(tokens), vocabulary). Row i is about the token after i.
        """
        # The last row is about the first generated token.
        pairs = zip(tokens[1:], log_probs[:-1], strict=True)
        logprobs = (self._ranked(token, row) for token, row in pairs)
        return self._token_bytes.echo(text, tokens, (None, *logprobs))

    def _ranked(self, token: int, log_probs: NDArray[np.floating[Any]]) -> TokenLogprob:
        count = min(self._top, len(log_probs))
        rivals = np.argpartition(-log_probs, count - 1)[:count] if count else np.empty(0, int)
        ordered = sorted((-float(log_probs[rival]), int(rival)) for rival in rivals)
        return TokenLogprob(
            self._token_bytes.candidate(token, float(log_probs[token])),
            tuple(self._token_bytes.candidate(rival, -negative) for negative, rival in ordered),
        )
