"""A proxy for CTranslate2's Whisper, one per request, that queues each call for batching.

faster-whisper uses its model through four methods and a few properties. Each method here submits
its call with a group, which contains everything that calls of one batch must share, and waits.
"""

import math
from collections.abc import Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .batched_calls import AlignInputs, BatchedWhisper, GenerateInputs
from .waiting import Abandoned, awaited

if TYPE_CHECKING:
    from ctranslate2 import StorageView


class Token(int):
    """A token id with the natural logarithm of its probability.

    faster-whisper copies the ids of a result into its segments as they are, so each segment has
    the log probabilities too.
    """

    logprob: float


@dataclass(frozen=True)
class Result:
    """The part of CTranslate2's `WhisperGenerationResult` that faster-whisper reads."""

    sequences_ids: list[list[int]]
    scores: list[float]
    no_speech_prob: float


@dataclass(frozen=True, kw_only=True)
class SpecialTokens:
    """Ids of special tokens."""

    start: int
    """`<|startoftranscript|>`"""
    end: int
    """`<|endoftext|>`; the ids of all text tokens are lower."""
    no_timestamps: int
    """`<|notimestamps|>`"""


class WhisperProxy:
    """The attribute `model` of one request's `WhisperModel`.

    Every method raises Abandoned after `cancel`, ValueError for arguments that CTranslate2 refuses,
    and EngineDead for an engine that failed or is closed.
    """

    def __init__(
        self,
        engine: BatchedWhisper,
        special: SpecialTokens,
        *,
        languages: Sequence[str],
        token_logprobs: bool,
    ) -> None:
        """Detect only *languages*, all if empty; return `Token`s for text if *token_logprobs*."""
        self._engine = engine
        self._special = special
        self._languages = {f"<|{code}|>" for code in languages}
        self._token_logprobs = token_logprobs
        self._cancelled = False
        self._pending: Future[Any] | None = None
        self.is_multilingual = engine.is_multilingual
        self.n_mels = engine.n_mels
        # faster-whisper moves outputs between GPUs by these two; here the batcher does that.
        self.device = "cpu"
        self.device_index = [0]

    def cancel(self) -> None:
        """Cancel the call that is queued, if there is one, and refuse all later calls."""
        self._cancelled = True
        if self._pending is not None:
            self._pending.cancel()

    def check(self) -> None:
        """Raise Abandoned if the request was cancelled."""
        if self._cancelled:
            raise Abandoned

    # ── what faster-whisper calls ─────────────────────────────────────────────

    def encode(self, features: "StorageView", *, to_cpu: bool = False) -> "StorageView":  # noqa: ARG002
        """Encode one window of shape (1, mels, spectrogram frames); return (1, frames, width)."""
        encoded: StorageView = self._call("encode", tuple(features.shape), features)
        return encoded

    def detect_language(self, encoded: "StorageView") -> list[list[tuple[str, float]]]:
        """Return a one-element list: pairs of language token and probability, best first.

        *encoded* has shape (1, frames, width).
        """
        windows: list[list[tuple[str, float]]] = self._call("detect_language", None, encoded)
        if not self._languages:
            return windows
        return [[pair for pair in pairs if pair[0] in self._languages] for pairs in windows]

    def generate(
        self, encoded: "StorageView", prompts: list[list[int]], **options: Any
    ) -> list[Any]:
        """Continue the only prompt of *prompts*.

        *encoded* has shape (1, frames, width). Returns a one-element list: CTranslate2's result,
        or a `Result` where log probabilities were requested.
        """
        prompt = prompts[0]
        group = (prompt.index(self._special.start), len(prompt), _hashable(options))
        inputs: GenerateInputs = (encoded, prompt, options)
        results: list[Any] = self._call("generate", group, inputs)
        if not self._token_logprobs:
            return results
        return [self._with_logprobs(encoded, prompt, results[0])]

    def align(
        self,
        encoded: "StorageView",
        start_sequence: list[int],
        text_tokens: list[list[int]],
        num_frames: int,
        **options: Any,
    ) -> list[Any]:
        """Align the only text of *text_tokens* with the window.

        *encoded* has shape (1, frames, width), *num_frames* counts those of the spectrogram.
        Returns a one-element list: CTranslate2's `WhisperAlignmentResult`.
        """
        group = (tuple(start_sequence), _hashable(options))
        inputs: AlignInputs = (encoded, start_sequence, text_tokens[0], num_frames, options)
        results: list[Any] = self._call("align", group, inputs)
        return results

    # ──────────────────────────────────────────────────────────────────────────

    def _call(self, kind: str, group: Hashable, inputs: object) -> Any:
        self._pending = self._engine.batcher.submit(kind, group, inputs)
        if self._cancelled:  # since the last call, or while this one was submitted
            self._pending.cancel()
            raise Abandoned
        return awaited(self._pending)

    def _with_logprobs(self, encoded: "StorageView", prompt: list[int], result: Any) -> Result:
        """Return *result* with `Token`s in place of the text tokens of its best sequence.

        Beam search does not return log probabilities. CTranslate2 computes those of a finished
        text when it aligns it; faster-whisper's word probabilities are means of the same numbers.
        """
        end, tokens = self._special.end, result.sequences_ids[0]
        sequence = prompt[prompt.index(self._special.start) :]
        start = [t for t in sequence if self._special.start <= t < self._special.no_timestamps]
        prefix = [t for t in sequence if t < end]
        text = [t for t in tokens if t < end]
        if not text:
            return Result([tokens], result.scores, result.no_speech_prob)
        # The encoder halves the number of frames.
        (aligned,) = self.align(encoded, start, [prefix + text], 2 * encoded.shape[1])
        probabilities = iter(aligned.text_token_probs[len(prefix) :])
        with_logprobs = [_token(t, next(probabilities)) if t < end else t for t in tokens]
        return Result([with_logprobs], result.scores, result.no_speech_prob)


def _token(token_id: int, probability: float) -> Token:
    token = Token(token_id)
    token.logprob = math.log(probability) if probability > 0 else -math.inf
    return token


def _hashable(options: dict[str, Any]) -> tuple[tuple[str, object], ...]:
    return tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in sorted(options.items()))
