"""Log probabilities of a CTranslate2 Generator: from its logits to the seam's values."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.base import PromptEcho, TokenLogprob
from backends.text.token_bytes import Pieces


class Scores:
    """Weighs tokens, each with its *top* most probable rivals."""

    def __init__(self, pieces: Pieces, *, top: int) -> None:
        self._pieces = pieces
        self._top = top

    def drawn(self, token: int, logits: Any) -> TokenLogprob:
        """Return what a step of shape (1, vocabulary) gave *token*."""
        values = np.asarray(logits, np.float32).reshape(-1).astype(np.float64)
        highest = values.max()
        return self._ranked(token, values - highest - np.log(np.exp(values - highest).sum()))

    def echo(self, text: str, tokens: list[int], log_probs: Any) -> PromptEcho:
        """Return the prompt *tokens* with what (1, tokens, vocabulary) *log_probs* gave them."""
        rows = np.asarray(log_probs)[0]
        after = zip(tokens[1:], rows, strict=False)  # the last row is of what comes next
        weighed = (self._ranked(token, row) for token, row in after)
        return self._pieces.echo(text, tokens, (None, *weighed))

    def _ranked(self, token: int, log_probs: NDArray[np.floating[Any]]) -> TokenLogprob:
        count = min(self._top, len(log_probs))
        rivals = np.argpartition(-log_probs, count - 1)[:count] if count else np.empty(0, int)
        ordered = sorted((-float(log_probs[rival]), int(rival)) for rival in rivals)
        return TokenLogprob(
            self._pieces.candidate(token, float(log_probs[token])),
            tuple(self._pieces.candidate(rival, -negative) for negative, rival in ordered),
        )
