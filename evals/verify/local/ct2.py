"""Generates and weighs texts in this process with CTranslate2."""

from typing import Any

import numpy as np

from evals.verify.answers import Answer
from evals.verify.local.template import rendered
from evals.verify.weights import Weights


class Ct2Text:
    """A loaded Generator, on the CPU, one request at a time."""

    def __init__(self, weights: Weights) -> None:
        """Load *weights*. Raises ImportError without CTranslate2, and what that raises."""
        from ctranslate2 import Generator  # noqa: PLC0415 - heavy, and not every run needs it
        from tokenizers import Tokenizer  # noqa: PLC0415 - as above

        self._folder = weights.folder
        self._tokenizer = Tokenizer.from_file(str(weights.folder / "tokenizer.json"))
        compute_type = weights.compute_type or "default"
        self._generator = Generator(str(weights.folder), device="cpu", compute_type=compute_type)

    def chat(self, question: str, *, max_tokens: int) -> Answer:
        """Return the greedy answer to *question*, with each token's log probability."""
        prompt = self._tokenizer.encode(rendered(self._folder, question), add_special_tokens=False)
        (result,) = self._generator.generate_batch(
            [prompt.tokens],
            max_length=max_tokens,
            sampling_topk=1,
            include_prompt_in_result=False,
            return_end_token=True,
            return_logits_vocab=True,
        )
        ids = result.sequences_ids[0]
        rows = (np.array(row, np.float32).astype(np.float64) for row in result.logits[0])
        numbers = tuple(_logprob(row, token) for row, token in zip(rows, ids, strict=True))
        return Answer(text=self._tokenizer.decode(ids, skip_special_tokens=True), numbers=numbers)

    def weigh(self, prompt: str) -> Answer:
        """Return the log probability of each token of *prompt* after those before it; first 0."""
        encoding = self._tokenizer.encode(prompt)
        rows = np.array(
            self._generator.forward_batch([encoding.tokens], return_log_probs=True), np.float64
        )[0]
        pairs = zip(rows, encoding.ids[1:], strict=False)
        numbers = (float(row[token]) for row, token in pairs)
        return Answer(text=prompt, numbers=(0.0, *numbers))


def _logprob(logits: Any, token: int) -> float:
    row = logits.reshape(-1)
    highest = row.max()
    return float(row[token] - highest - np.log(np.exp(row - highest).sum()))
