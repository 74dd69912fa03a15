"""vLLM's log probabilities as the seam's: what tokens weigh, and their rivals."""

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from vllm.logprobs import FlatLogprobs

from backends.base import LOWEST_LOGPROB, PromptEcho, TokenLogprob
from backends.text.token_bytes import TokenBytes


class Scores:
    """Reads log probabilities by one tokenizer's vocabulary.

    vLLM would decode each token by itself: that costs most of what a scored prompt costs a server,
    and knows nothing of the bytes of a token that is part of a character. So it is not asked to
    (`submit.py`), and tells ids and numbers alone (`SamplingParams.flat_logprobs`).
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._pieces = _pieces(tokenizer)

    def weighed(
        self, tokens: Sequence[int], found: FlatLogprobs, top: int
    ) -> Iterator[TokenLogprob | None]:
        """Yield each of *tokens* with its *top* rivals; None where nothing is known.

        Raises ValueError or KeyError where *found* is not of these tokens.
        """
        positions = zip(tokens, found.start_indices, found.end_indices, strict=True)
        for token, start, end in positions:
            if start == end:
                yield None  # a prompt's first token
                continue
            # The drawn token may be there twice: by itself, and among the most probable ones.
            there = zip(found.token_ids[start:end], found.logprobs[start:end], strict=True)
            yield self._ranked(token, dict(there), top)

    def _ranked(self, token: int, found: dict[int, float], top: int) -> TokenLogprob:
        """Order *found* (the drawn token and its rivals) as OpenAI does.

        vLLM's own server leaves the drawn token in front whatever its probability, and drops the
        last of the *top* most probable ones for it.
        """
        candidate = self._pieces.candidate
        drawn = candidate(token, found[token])
        if top == 0:
            return TokenLogprob(drawn)
        ranked = sorted(found.items(), key=itemgetter(1), reverse=True)
        return TokenLogprob(drawn, tuple(candidate(*rival) for rival in ranked[:top]))

    def echo(self, output: Any, *, text: str | None, top: int | None) -> PromptEcho:
        """Return the echo of the prompt of *output*, a `vllm.RequestOutput`.

        *text* is the prompt if it came as one and was left whole; else its token ids are decoded.
        *top* rivals of each token are told, None: no log probabilities at all.
        """
        ids = list(output.prompt_token_ids)
        if text is None:
            text = str(self._tokenizer.decode(ids))
        if top is None:
            return PromptEcho(text=text)
        return self._pieces.echo(text, ids, self.weighed(ids, output.prompt_logprobs, top))

    def told(self, found: FlatLogprobs) -> list[dict[str, Any] | None]:
        """Return `prompt_logprobs` as vLLM's own server tells them."""
        return [
            self._told(found, range(start, end)) or None
            for start, end in zip(found.start_indices, found.end_indices, strict=True)
        ]

    def _told(self, found: FlatLogprobs, places: range) -> dict[str, Any]:
        return {
            str(found.token_ids[at]): {
                "logprob": max(found.logprobs[at], LOWEST_LOGPROB),
                "rank": found.ranks[at],
                "decoded_token": self._pieces.candidate(found.token_ids[at], 0.0).token,
            }
            for at in places
        }


def _pieces(tokenizer: Any) -> TokenBytes:
    if (fast := getattr(tokenizer, "backend_tokenizer", None)) is not None:
        return TokenBytes.of(fast)
    # Mistral's own and others without a vocabulary that we can read: what they decode.
    return TokenBytes(lambda token: str(tokenizer.decode([token])).encode(errors="replace"))
