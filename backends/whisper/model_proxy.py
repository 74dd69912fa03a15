"""What stands in for the engine in one request's `transcribe`: the same calls, made together.

faster-whisper touches its engine through four methods and a few properties. Here each method queues
its call, together with what has to be alike for sharing a batch, and waits.
"""

import math
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .batched_calls import Engine
from .batching import Abandoned, awaited

if TYPE_CHECKING:
    from ctranslate2 import StorageView


class Token(int):
    """A token id that knows the natural logarithm of its probability.

    faster-whisper carries the ids of a result into its segments as they are, and so the number with
    them.
    """

    logprob: float


@dataclass(frozen=True)
class Result:
    """What faster-whisper reads of a generation."""

    sequences_ids: list[list[int]]
    scores: list[float]
    no_speech_prob: float


@dataclass(frozen=True, kw_only=True)
class Special:
    """Ids of special tokens."""

    start: int
    end: int
    """Every text token's id is below it."""
    no_timestamps: int


class Seat:
    """One request's place at the engine."""

    def __init__(
        self, engine: Engine, special: Special, *, languages: Sequence[str], token_logprobs: bool
    ) -> None:
        self._engine = engine
        self._special = special
        self._languages = {f"<|{code}|>" for code in languages}
        self._token_logprobs = token_logprobs
        self._left = False
        self._waiting: Future[Any] | None = None
        whisper = engine.whisper
        self.is_multilingual = whisper.is_multilingual
        self.n_mels = whisper.n_mels
        # Where an encoder's output lies is the batcher's affair.
        self.device = "cpu"
        self.device_index = [0]

    def leave(self) -> None:
        """Compute nothing more: a call that waits is taken back, the next one is not made."""
        self._left = True
        if self._waiting is not None:
            self._waiting.cancel()

    def check(self) -> None:
        """Raise Abandoned if nobody wants the transcript any more."""
        if self._left:
            raise Abandoned

    # ── what faster-whisper calls ─────────────────────────────────────────────

    def encode(self, features: "StorageView", *, to_cpu: bool = False) -> "StorageView":  # noqa: ARG002
        """Encode one window of shape (1, mels, frames)."""
        encoded: StorageView = self._call("encode", tuple(features.shape), features)
        return encoded

    def detect_language(self, encoded: "StorageView") -> list[list[tuple[str, float]]]:
        """Return languages, as tokens, with their probabilities, the most probable first."""
        found: list[list[tuple[str, float]]] = self._call("detect_language", None, encoded)
        if not self._languages:
            return found
        return [[pair for pair in pairs if pair[0] in self._languages] for pairs in found]

    def generate(
        self, encoded: "StorageView", prompts: list[list[int]], **options: Any
    ) -> list[Any]:
        """Continue one prompt."""
        prompt = prompts[0]
        alike = (prompt.index(self._special.start), len(prompt), _frozen(options))
        results: list[Any] = self._call("generate", alike, (encoded, prompt, options))
        return [self._weighed(encoded, prompt, results[0])] if self._token_logprobs else results

    def align(
        self,
        encoded: "StorageView",
        start_sequence: list[int],
        text_tokens: list[list[int]],
        num_frames: int,
        **options: Any,
    ) -> list[Any]:
        """Align one text."""
        alike = (tuple(start_sequence), _frozen(options))
        call = (encoded, start_sequence, text_tokens[0], num_frames, options)
        results: list[Any] = self._call("align", alike, call)
        return results

    # ──────────────────────────────────────────────────────────────────────────

    def _call(self, kind: str, alike: object, given: object) -> Any:
        self._waiting = self._engine.batcher.submit(kind, alike, given)
        if self._left:  # between two calls, or just now
            self._waiting.cancel()
            raise Abandoned
        return awaited(self._waiting)

    def _weighed(self, encoded: "StorageView", prompt: list[int], result: Any) -> Result:
        """Give the text tokens of the best sequence their log probabilities.

        Beam search does not tell them. These are the model's for the finished text, which
        CTranslate2 computes when it aligns; faster-whisper's word probabilities are their means.
        """
        end, tokens = self._special.end, result.sequences_ids[0]
        task = prompt[prompt.index(self._special.start) :]
        start = [t for t in task if self._special.start <= t < self._special.no_timestamps]
        prefix = [t for t in task if t < end]
        texts = [t for t in tokens if t < end]
        if not texts:
            return Result([tokens], result.scores, result.no_speech_prob)
        (aligned,) = self.align(encoded, start, [prefix + texts], 2 * encoded.shape[1])
        probabilities = iter(aligned.text_token_probs[len(prefix) :])
        weighed = [_token(t, next(probabilities)) if t < end else t for t in tokens]
        return Result([weighed], result.scores, result.no_speech_prob)


def _token(token: int, probability: float) -> Token:
    weighed = Token(token)
    weighed.logprob = math.log(probability) if probability > 0 else -math.inf
    return weighed


def _frozen(options: dict[str, Any]) -> tuple[tuple[str, object], ...]:
    return tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in sorted(options.items()))
