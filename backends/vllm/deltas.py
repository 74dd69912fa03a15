"""vLLM's answer as pieces of text: one request's outputs → TextDelta and Finish."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, cast

from backends.base import Candidate, Finish, TextDelta, TokenLogprob
from backends.failures import EngineDead


class Choices:
    """The choices of one request, counted while their pieces arrive."""

    def __init__(self, *, copies: int, top_logprobs: int | None, empty: bool = False) -> None:
        self._empty = empty
        """Whether the one token that vLLM insists on was not asked for."""
        self._copies = copies
        """As often is each choice given out: greedy decoding makes every choice the same."""
        self._top = top_logprobs
        self._counts: dict[int, int] = {}

    def items(self, output: Any) -> Iterator[TextDelta | Finish]:
        """Yield what is new in *output*, a `vllm.RequestOutput` of kind DELTA."""
        for choice in output.outputs:
            tokens = self._counts.get(choice.index, 0) + len(choice.token_ids)
            self._counts[choice.index] = tokens
            logprobs = self._logprobs(choice)
            # Nothing to tell while a prompt is read in chunks, half a character or a stop
            # string's possible beginning is held back.
            if (choice.text or logprobs) and not self._empty:
                for index in self._indices(choice):
                    yield TextDelta(index=index, text=choice.text, logprobs=logprobs)
            if choice.finish_reason is not None:
                reason = "length" if self._empty else _reason(choice.finish_reason)
                for index in self._indices(choice):
                    yield Finish(
                        index=index,
                        reason=reason,
                        prompt_tokens=len(output.prompt_token_ids or ()),
                        completion_tokens=0 if self._empty else tokens,
                    )

    def _indices(self, choice: Any) -> Sequence[int]:
        return (choice.index,) if self._copies == 1 else range(self._copies)

    def _logprobs(self, choice: Any) -> tuple[TokenLogprob, ...]:
        if self._top is None:
            return ()
        positions = zip(choice.token_ids, choice.logprobs, strict=True)
        return tuple(token_logprob(token, found, self._top) for token, found in positions)


def token_logprob(token: int, found: Mapping[int, Any], top: int) -> TokenLogprob:
    """Order *found* (the drawn token and its rivals) as OpenAI does.

    vLLM's own server leaves the drawn token in front whatever its probability, and drops the
    last of the *top* most probable ones for it.
    """
    drawn = _candidate(found[token])
    if top == 0:
        return TokenLogprob(drawn)
    ranked = sorted(found.values(), key=lambda rival: -rival.logprob)
    return TokenLogprob(drawn, tuple(_candidate(rival) for rival in ranked[:top]))


def _candidate(found: Any) -> Candidate:
    text = found.decoded_token or ""
    return Candidate(text, found.logprob, text.encode("utf-8", errors="replace"))


def _reason(reason: str) -> Literal["stop", "length"]:
    if reason not in ("stop", "length"):
        # `abort` and `error` are the engine's doing: nobody but us aborts, and we are gone then.
        raise EngineDead(f"the engine ended the request with `{reason}`")
    return cast(Literal["stop", "length"], reason)
