"""The four calls that faster-whisper makes of CTranslate2's Whisper, ready to be merged.

What may share a call, and how its inputs are put together and its results taken apart. Encoder
outputs are passed on as CTranslate2 gives them; only where several are stacked are they read.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from backends.base import Batch

from .batching import Batcher

if TYPE_CHECKING:
    from ctranslate2 import StorageView
    from ctranslate2.models import Whisper


class Engine:
    """A loaded `ctranslate2.models.Whisper` with a batcher in front."""

    def __init__(
        self, whisper: "Whisper", *, max_batch: int, on_batch: Callable[[Batch], None]
    ) -> None:
        self.whisper = whisper
        self._on_gpu = whisper.device != "cpu"
        self.batcher = Batcher(
            {
                "encode": self._encode,
                "detect_language": self._detect_language,
                "generate": self._generate,
                "align": self._align,
            },
            workers=whisper.num_workers,
            max_batch={
                # The encoder fills a CPU with one window; waiting for others would only delay it.
                "encode": max_batch if self._on_gpu else 1,
                "detect_language": max_batch,
                "generate": max_batch,
                "align": max_batch,
            },
            on_batch=on_batch,
        )

    def running(self) -> AbstractContextManager[None]:
        """Answer calls until the block ends."""
        return self.batcher.running()

    def _encode(self, features: Sequence["StorageView"]) -> list["StorageView"]:
        # To the CPU, where several can be stacked again, on whichever GPU they are needed next.
        encoded = self.whisper.encode(_stacked(features), to_cpu=self._on_gpu)
        return [encoded] if len(features) == 1 else _split(encoded)

    def _detect_language(
        self, encoded: Sequence["StorageView"]
    ) -> list[list[list[tuple[str, float]]]]:
        return [[found] for found in self.whisper.detect_language(_stacked(encoded))]

    def _generate(self, calls: Sequence[tuple["StorageView", list[int], dict[str, Any]]]) -> Any:
        encoded, prompts, options = zip(*calls, strict=True)
        results = self.whisper.generate(_stacked(encoded), list(prompts), **options[0])
        return [[result] for result in results]

    def _align(
        self, calls: Sequence[tuple["StorageView", list[int], list[int], int, dict[str, Any]]]
    ) -> Any:
        encoded, starts, texts, frames, options = zip(*calls, strict=True)
        results = self.whisper.align(
            _stacked(encoded), starts[0], list(texts), list(frames), **options[0]
        )
        return [[result] for result in results]


def _stacked(views: Sequence["StorageView"]) -> "StorageView":
    """Return one view of the batch; a lone one as it is, without a copy."""
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
    """Return *view* as an array; NumPy has no bfloat16, of which float32 holds every value."""
    from ctranslate2 import DataType

    return np.asarray(view.to(DataType.float32) if view.dtype == DataType.bfloat16 else view)
