"""faster-whisper's log-mel spectrogram of a long recording, in bounded memory.

faster-whisper's own `FeatureExtractor` transforms a file in one piece, for which it takes some
7 kB a frame: 5 GB for two hours. The numbers here are the same, and come a block of frames at a
time; the samples go as the frames come. Where OpenBLAS has no kernels for AVX-512, the last bit of
a few differs, as it does in faster-whisper's own from one number of threads to the next.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.audio.samples import Samples

from .allocator import give_back

_BLOCK = 2048
"""Frames (20 s) in one piece; what they need in between fits a processor's cache."""

_GIVE_BACK = 100
"""Blocks (half an hour) after which the memory of their samples, 65 MB, goes to the kernel."""


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep NumPy's products to the thread that asks for them, in the whole process.

    Shared among threads that spin while they wait for each other, a spectrogram costs four times
    the CPU (10 s of audio on two cores: 20 ms instead of 5), and is no sooner done.
    """
    from threadpoolctl import ThreadpoolController

    with ThreadpoolController().select(internal_api="openblas").limit(limits=1):
        yield


_FREE = nullcontext()


def _go_on() -> None:
    return


class Extractor:
    """A `FeatureExtractor` of one request's own: faster-whisper changes its window's length."""

    sampling_rate: int
    hop_length: int
    n_fft: int
    n_samples: int
    nb_max_frames: int
    mel_filters: NDArray[np.float32]
    """Of shape (mels, n_fft // 2 + 1)."""

    def __init__(
        self,
        extractor: Any,
        samples: Samples,
        check: Callable[[], None] = _go_on,
        turn: AbstractContextManager[object] = _FREE,
    ) -> None:
        """Take everything over from faster-whisper's *extractor*; *samples* are the recording.

        *check* is called before each block; what it raises ends the work. Each block is computed
        within *turn*.
        """
        vars(self).update(vars(extractor))
        self._samples = samples
        self.check = check
        self.turn = turn

    def __call__(
        self, audio: NDArray[Any], padding: int = 160, chunk_length: int | None = None
    ) -> NDArray[np.float32]:
        """Return the log-mel spectrogram of the recording, which is forgotten: (mels, frames).

        *audio*, of shape (n,), is what faster-whisper takes for the samples: only its length is
        looked at. *padding* zeros follow; *chunk_length*, in seconds, is the window's from now on.
        """
        if len(audio) != len(self._samples):
            raise ValueError(f"{len(audio)} samples, where the recording has {len(self._samples)}")
        if chunk_length is not None:
            self.n_samples = chunk_length * self.sampling_rate
            self.nb_max_frames = self.n_samples // self.hop_length
        return _log_mel(self, self._samples, len(audio) + padding)


def _log_mel(by: Extractor, samples: Samples, total: int) -> NDArray[np.float32]:
    hop, half = by.hop_length, by.n_fft // 2
    frames = total // hop
    window = np.hanning(by.n_fft + 1)[:-1].astype(np.float32)
    mels = np.empty((len(by.mel_filters), frames), np.float32)
    for first, last in _blocks(frames):
        by.check()
        with by.turn:
            piece = _reflected(samples, first * hop - half, (last - 1) * hop + half, total)
            windows = np.lib.stride_tricks.sliding_window_view(piece, by.n_fft)[::hop]
            spectrum = np.fft.rfft(windows * window, n=by.n_fft).astype(np.complex64)
            block = by.mel_filters @ np.abs(spectrum.T) ** 2
            np.log10(np.clip(block, 1e-10, None), out=mels[:, first:last])
        samples.forget(last * hop - half)
        if last % (_GIVE_BACK * _BLOCK) == 0:
            give_back()
    np.maximum(mels, mels.max() - 8.0, out=mels)
    mels += 4.0
    mels /= 4.0
    return mels


def _blocks(frames: int) -> Iterator[tuple[int, int]]:
    """Yield where blocks begin and end; the last takes what is left with it.

    A product with a very narrow matrix is summed in another order than with a wide one.
    """
    count = max(frames // _BLOCK, 1)
    for block in range(count):
        yield block * _BLOCK, frames if block == count - 1 else (block + 1) * _BLOCK


def _reflected(samples: Samples, start: int, stop: int, total: int) -> NDArray[np.float32]:
    """Return *samples* from *start* to *stop*, zeros up to *total*, mirrored at both ends."""
    inner = samples.floats(max(start, 0), min(stop, total))
    before, after = max(-start, 0), max(stop - total, 0)
    return np.pad(inner, (before, after), mode="reflect") if before or after else inner
