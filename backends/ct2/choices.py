"""Turns the steps of a CTranslate2 Generator into the deltas and the finish of a choice."""

from typing import TYPE_CHECKING, Literal

from tokenizers.decoders import DecodeStream

from backends.base import Finish, TextDelta, TokenLogprob
from backends.text.chat_template import ChatTemplate
from backends.text.stop_strings import StopStrings

from .logprobs import LogprobReader

if TYPE_CHECKING:
    from ctranslate2 import GenerationStepResult


class Choice:
    """One of the `n` texts of a request, while it is generated."""

    def __init__(
        self,
        index: int,
        template: ChatTemplate,
        stop: tuple[str, ...],
        logprobs: LogprobReader | None,
        *,
        prompt_tokens: int,
    ) -> None:
        self.finished = False
        """Whether the finish has been returned: the engine may stop."""
        self._index = index
        self._tokenizer = template.tokenizer
        self._end_tokens = template.end_tokens
        self._decoder = DecodeStream(skip_special_tokens=True)
        self._stop = StopStrings(stop)
        self._logprobs = logprobs
        self._prompt_tokens = prompt_tokens
        self._tokens = 0

    def logprobs(self, step: "GenerationStepResult") -> tuple[TokenLogprob, ...]:
        """Return the log probability of *step*'s token; () if the request wants none.

        Called in the engine's thread.
        """
        return (self._logprobs.token_logprob(step.token_id, step.logits),) if self._logprobs else ()

    def feed(
        self, step: "GenerationStepResult", logprobs: tuple[TokenLogprob, ...]
    ) -> list[TextDelta | Finish]:
        """Return the new items after the token of *step*; after the finish always []."""
        if self.finished:  # the engine goes on until the next call of its callback
            return []
        self._tokens += 1
        ended = step.token in self._end_tokens
        text = self._stop.feed(self._decoder.step(self._tokenizer, step.token_id) or "")
        if self._stop.hit or step.is_last:
            self.finished = True
            text += self._stop.flush()
        items: list[TextDelta | Finish] = []
        if text or logprobs:
            items.append(TextDelta(index=self._index, text=text, logprobs=logprobs))
        if self.finished:
            items.append(self._finish("stop" if ended or self._stop.hit else "length"))
        return items

    def finish_empty(self) -> Finish:
        """Return the finish of a choice without a token, for a request that allows none."""
        return self._finish("length")

    def _finish(self, reason: Literal["stop", "length"]) -> Finish:
        return Finish(
            index=self._index,
            reason=reason,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._tokens,
        )
