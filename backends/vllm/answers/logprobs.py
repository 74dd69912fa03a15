"""Reads vLLM's log probabilities: each token's own, and those of its most probable rivals."""

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from vllm.logprobs import FlatLogprobs

from backends.base import LOWEST_LOGPROB, PromptEcho, TokenLogprob
from backends.text.token_bytes import TokenBytes


class LogprobReader:
    """Reads natural-log probabilities with one tokenizer's vocabulary.

    vLLM would decode each token by itself. That takes most of the time that a server spends on a
    prompt with log probabilities, and loses the bytes of a token that is a part of a character. So
    vLLM is kept from decoding (`submit.py`), and brings ids and numbers alone
    (`SamplingParams.flat_logprobs`).
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._token_bytes = _token_bytes(tokenizer)

    def token_logprobs(
        self, tokens: Sequence[int], logprobs: FlatLogprobs, top: int
    ) -> Iterator[TokenLogprob | None]:
        """Yield each of *tokens* with its *top* rivals; None for a prompt's first token.

        *logprobs* has one position for each token. Raises ValueError or KeyError if it belongs to
        other tokens.
        """
        positions = zip(tokens, logprobs.start_indices, logprobs.end_indices, strict=True)
        for token, start, end in positions:
            if start == end:
                yield None
                continue
            # The drawn token may come twice: by itself, and among the most probable ones.
            pairs = zip(logprobs.token_ids[start:end], logprobs.logprobs[start:end], strict=True)
            yield self._ranked(token, dict(pairs), top)

    def _ranked(self, token: int, logprobs: dict[int, float], top: int) -> TokenLogprob:
        """Return *token* with the *top* most probable of *logprobs*, in OpenAI's order.

        vLLM's own server puts the drawn token first whatever its probability, and drops the last
        of the *top* most probable ones for it.
        """
        candidate = self._token_bytes.candidate
        drawn = candidate(token, logprobs[token])
        if top == 0:
            return TokenLogprob(drawn)
        ranked = sorted(logprobs.items(), key=itemgetter(1), reverse=True)
        return TokenLogprob(drawn, tuple(candidate(*rival) for rival in ranked[:top]))

    def echo(self, output: Any, *, text: str | None, top: int | None) -> PromptEcho:
        """Return the echo of the prompt of *output*, a `vllm.RequestOutput`.

        *text* is the prompt, if it came as a text and was not truncated; None: its token ids are
        decoded. The echo has *top* rivals of each token; None: no log probabilities.
        """
        ids = list(output.prompt_token_ids)
        if text is None:
            text = str(self._tokenizer.decode(ids))
        if top is None:
            return PromptEcho(text=text)
        logprobs = self.token_logprobs(ids, output.prompt_logprobs, top)
        return self._token_bytes.echo(text, ids, logprobs)

    def prompt_logprobs(self, logprobs: FlatLogprobs) -> list[dict[str, Any] | None]:
        """Return `prompt_logprobs` in the form of vLLM's own server.

        One dict for each prompt token, by token id; None for the first.
        """
        return [
            self._position(logprobs, range(start, end)) or None
            for start, end in zip(logprobs.start_indices, logprobs.end_indices, strict=True)
        ]

    def _position(self, logprobs: FlatLogprobs, indices: range) -> dict[str, Any]:
        return {
            str(logprobs.token_ids[index]): {
                "logprob": max(logprobs.logprobs[index], LOWEST_LOGPROB),
                "rank": logprobs.ranks[index],
                "decoded_token": self._token_bytes.candidate(logprobs.token_ids[index], 0.0).token,
            }
            for index in indices
        }


def _token_bytes(tokenizer: Any) -> TokenBytes:
    if (fast := getattr(tokenizer, "backend_tokenizer", None)) is not None:
        return TokenBytes.of(fast)
    # Mistral's own tokenizer and others whose vocabulary cannot be read: use what they decode.
    return TokenBytes(lambda token: str(tokenizer.decode([token])).encode(errors="replace"))
