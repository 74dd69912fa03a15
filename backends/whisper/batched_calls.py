"""Merges the four calls that faster-whisper makes to CTranslate2's Whisper.

Each method stacks the inputs of a batch, makes one call, and splits the results. Encoder outputs
stay `StorageView`s; they are read as arrays only to be stacked or split.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backends.base import Batch
from backends.batch_calls import MaxBatch
from backends.batching import Batcher
from backends.threaded_engine import ThreadedEngine, device_lost

if TYPE_CHECKING:
    from ctranslate2 import StorageView
    from ctranslate2.models import Whisper

GenerateInputs = tuple["StorageView", list[int], dict[str, Any]]
"""Encoder output of shape (1, frames, width), prompt, options."""

AlignInputs = tuple["StorageView", list[int], list[int], int, dict[str, Any]]
"""Encoder output of shape (1, frames, width), start sequence, text tokens, spectrogram frames,
options."""


class BatchedWhisper(ThreadedEngine):
    """A loaded `ctranslate2.models.Whisper` with a batcher in front.

    The invariant between this class and `WhisperProxy`: the group of a call contains everything
    that all calls of a batch must share. CTranslate2 takes one set of options and one start
    sequence per call, and prompts of one length with the start token at one position. So a batch
    is run with the options of its first call, which are those of all.
    """

    def __init__(
        self,
        whisper: "Whisper",
        *,
        max_batch: int,
        on_batch: Callable[[Batch], None],
        name: str = "whisper",
    ) -> None:
        """Put a batcher in front of *whisper*; *max_batch* is the most windows of one call.

        *name* is the model's, for the log.
        """
        self.whisper = whisper
        # Read once: CTranslate2 does not say it of a model that is unloaded.
        self.is_multilingual: bool = whisper.is_multilingual
        self.n_mels: int = whisper.n_mels
        self._on_gpu = whisper.device != "cpu"
        batcher = Batcher(
            {
                "encode": self._encode,
                "detect_language": self._detect_language,
                "generate": self._generate,
                "align": self._align,
            },
            workers=whisper.num_workers,
            max_batch={
                # One window already keeps a CPU busy in the encoder: waiting for others only
                # delays it.
                "encode": MaxBatch(calls=max_batch if self._on_gpu else 1),
                "detect_language": MaxBatch(calls=max_batch),
                "generate": MaxBatch(calls=max_batch),
                # Texts of unlike lengths are padded. On a CPU this costs more than it saves, and
                # changes the sums: probabilities of words then depend on the batch.
                "align": MaxBatch(calls=max_batch if self._on_gpu else 1),
            },
            on_batch=on_batch,
            name=name,
            is_lost=device_lost,
        )
        super().__init__(whisper, batcher)

    def _encode(self, features: Sequence["StorageView"]) -> list["StorageView"]:
        """Return an encoder output of shape (1, frames, width) for each window.

        The windows have shape (1, mels, spectrogram frames), all the same.
        """
        # Outputs on the CPU can be stacked again, and the next call may run on another GPU.
        encoded = self.whisper.encode(_stacked(features), to_cpu=self._on_gpu)
        return [encoded] if len(features) == 1 else _split(encoded)

    def _detect_language(
        self, encoded: Sequence["StorageView"]
    ) -> list[list[list[tuple[str, float]]]]:
        """Return a one-element list for each window: its pairs of language token and probability.

        The inputs are encoder outputs of shape (1, frames, width). The pairs come most probable
        first.
        """
        return [[languages] for languages in self.whisper.detect_language(_stacked(encoded))]

    def _generate(self, calls: Sequence[GenerateInputs]) -> list[list[Any]]:
        """Return a one-element list for each call: its `WhisperGenerationResult`.

        The group of `WhisperProxy.generate` holds the options, the prompt's length and the position
        of its start token, so the first call's options apply to all.
        """
        encoded, prompts, options = zip(*calls, strict=True)
        results = self.whisper.generate(_stacked(encoded), list(prompts), **options[0])
        return [[result] for result in results]

    def _align(self, calls: Sequence[AlignInputs]) -> list[list[Any]]:
        """Return a one-element list for each call: its `WhisperAlignmentResult`.

        The group of `WhisperProxy.align` holds the start sequence and the options, so those of the
        first call apply to all. The texts and the numbers of frames are each call's own.
        """
        encoded, starts, texts, frames, options = zip(*calls, strict=True)
        results = self.whisper.align(
            _stacked(encoded), starts[0], list(texts), list(frames), **options[0]
        )
        return [[result] for result in results]


def _stacked(views: Sequence["StorageView"]) -> "StorageView":
    """Return one view of the batch, stacked along the first axis; a lone view is not copied."""
    from ctranslate2 import StorageView

    if len(views) == 1:
        return views[0]
    stack = StorageView.from_array(np.concatenate([_array(view) for view in views]))
    return stack if stack.dtype == views[0].dtype else stack.to(views[0].dtype)


def _split(batch: "StorageView") -> list["StorageView"]:
    from ctranslate2 import StorageView

    parts = np.split(_array(batch), batch.shape[0])
    views = [StorageView.from_array(np.ascontiguousarray(part)) for part in parts]
    return views if views[0].dtype == batch.dtype else [view.to(batch.dtype) for view in views]


def _array(view: "StorageView") -> Any:
    """Return *view* as an array; bfloat16, which NumPy does not have, as float32 without loss."""
    from ctranslate2 import DataType

    return np.asarray(view.to(DataType.float32) if view.dtype == DataType.bfloat16 else view)
