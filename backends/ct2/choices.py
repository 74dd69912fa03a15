"""Turns the steps of a CTranslate2 Generator into the deltas and the finish of a choice."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray
from tokenizers.decoders import DecodeStream

from backends.base import Finish, TextDelta, TokenLogprob
from backends.text.chat_template import ChatTemplate
from backends.text.stop_strings import StopStrings

from .logprobs import LogprobReader

if TYPE_CHECKING:
    from ctranslate2 import GenerationStepResult

Sent = list[TextDelta | Finish] | BaseException
"""New items of a choice, or the failure that ends it."""


class Choice:
    """One of the `n` texts of a request, while it is generated."""

    def __init__(
        self,
        index: int,
        template: ChatTemplate,
        stop: tuple[str, ...],
        logprobs: LogprobReader | None,
        *,
        prompt: list[str],
        limit: int,
        arguments: Mapping[str, float],
        send: Callable[[Sent], None],
    ) -> None:
        """Continue *prompt* by at most *limit* tokens, with these *arguments* of the engine.

        *send* is called on the event loop with what `take` returns.
        """
        self.prompt = prompt
        self.limit = limit
        self.arguments: Mapping[str, Any] = {
            **arguments,
            "return_logits_vocab": logprobs is not None,
        }
        self.send = send
        self.vocabulary = template.tokenizer.get_vocab_size()
        """Tokens of the vocabulary."""
        self.finished = False
        """Whether nothing more follows."""
        self.left = False
        """Whether the client needs nothing more; set by another thread."""
        self._index = index
        self._tokenizer = template.tokenizer
        self._end_tokens = template.end_tokens
        self._decoder = DecodeStream(skip_special_tokens=True)
        self._stop = StopStrings(stop)
        self._logprobs = logprobs
        self._tokens = 0

    @property
    def begun(self) -> bool:
        """Whether a token was generated."""
        return self._tokens > 0

    def take(self, step: "GenerationStepResult", logits: NDArray[Any] | None) -> Sent:
        """Return what follows of the token of *step*, with the *logits* that it was drawn from.

        The engine stops at what is raised here, so a failure is returned: it is this choice's only.
        """
        try:
            return self._take(step, logits)
        except Exception as error:  # noqa: BLE001  one request ends here
            self.finished = True
            return error

    def _take(
        self, step: "GenerationStepResult", logits: NDArray[Any] | None
    ) -> list[TextDelta | Finish]:
        self._tokens += 1
        logprobs: tuple[TokenLogprob, ...] = ()
        if self._logprobs and logits is not None:
            logprobs = (self._logprobs.token_logprob(step.token_id, logits),)
        ended = step.token in self._end_tokens
        text = self._stop.feed(self._decoder.step(self._tokenizer, step.token_id) or "")
        if self._stop.hit or step.is_last or self._tokens == self.limit:
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
            prompt_tokens=len(self.prompt),
            completion_tokens=self._tokens,
        )
