"""One of the `n` texts on its way: the engine's steps in, deltas and the finish out."""

from typing import TYPE_CHECKING, Literal

from tokenizers.decoders import DecodeStream

from backends.base import Finish, TextDelta, TokenLogprob
from backends.text.chat_template import ChatTemplate
from backends.text.stop_strings import StopStrings

from .logprobs import Scores

if TYPE_CHECKING:
    from ctranslate2 import GenerationStepResult


class Choice:
    """One of the `n` texts on its way: tokens in, deltas and the finish out."""

    def __init__(
        self,
        index: int,
        template: ChatTemplate,
        stop: tuple[str, ...],
        scores: Scores | None,
        *,
        prompt_tokens: int,
    ) -> None:
        self.finished = False
        self._index = index
        self._tokenizer = template.tokenizer
        self._end_tokens = template.end_tokens
        self._decoder = DecodeStream(skip_special_tokens=True)
        self._stop = StopStrings(stop)
        self._scores = scores
        self._prompt_tokens = prompt_tokens
        self._tokens = 0

    def weighed(self, step: "GenerationStepResult") -> tuple[TokenLogprob, ...]:
        """Return the token's log probability, if asked for; called in the engine's thread."""
        return (self._scores.drawn(step.token_id, step.logits),) if self._scores else ()

    def take(
        self, step: "GenerationStepResult", weighed: tuple[TokenLogprob, ...]
    ) -> list[TextDelta | Finish]:
        """Turn one token into what is to be sent; nothing after the finish."""
        if self.finished:  # the engine runs on until its callback is next asked
            return []
        self._tokens += 1
        ended = step.token in self._end_tokens
        text = self._stop.feed(self._decoder.step(self._tokenizer, step.token_id) or "")
        if self._stop.hit or step.is_last:
            self.finished = True
            text += self._stop.flush()
        items: list[TextDelta | Finish] = []
        if text or weighed:
            items.append(TextDelta(index=self._index, text=text, logprobs=weighed))
        if self.finished:
            items.append(self._finish("stop" if ended or self._stop.hit else "length"))
        return items

    def nothing(self) -> Finish:
        """Finish before the first token: none was asked for."""
        return self._finish("length")

    def _finish(self, reason: Literal["stop", "length"]) -> Finish:
        return Finish(
            index=self._index,
            reason=reason,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._tokens,
        )
