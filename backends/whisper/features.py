"""Computes faster-whisper's log-mel spectrogram of a long recording in bounded memory.

faster-whisper's own `FeatureExtractor` transforms a recording in one piece, which takes some 7 kB a
frame: 5 GB for two hours. Here the same numbers are computed a block of frames at a time, and the
samples of a finished block are freed. Without OpenBLAS's kernels for AVX-512 the last bit of a few
numbers differs, as it does in faster-whisper's own between different numbers of threads.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.audio.samples import Samples

from .allocator import give_back

_BLOCK = 2048
"""Frames (20 s) that are computed at once: their intermediate arrays fit a processor's cache."""

_GIVE_BACK = 100
"""Blocks (half an hour) between two returns of freed memory, some 65 MB, to the kernel."""


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Run NumPy's matrix products in the calling thread only, in the whole process.

    OpenBLAS's threads spin while they wait for each other: a spectrogram then costs four times the
    CPU (10 s of audio on two cores: 20 ms instead of 5) and is not finished sooner.
    """
    from threadpoolctl import ThreadpoolController

    with ThreadpoolController().select(internal_api="openblas").limit(limits=1):
        yield


_NO_LIMIT = nullcontext()


def _no_check() -> None:
    return


class Extractor:
    """A `FeatureExtractor` for one request, because faster-whisper changes its window's length."""

    sampling_rate: int
    hop_length: int
    n_fft: int
    n_samples: int
    nb_max_frames: int
    mel_filters: NDArray[np.float32]
    """Weights of the mel bands: an array of shape (mels, n_fft // 2 + 1)."""

    def __init__(
        self,
        extractor: Any,
        samples: Samples,
        check: Callable[[], None] = _no_check,
        turn: AbstractContextManager[object] = _NO_LIMIT,
    ) -> None:
        """Copy the attributes of faster-whisper's *extractor*; *samples* are the recording.

        *check* is called before each block, and may raise to end the work. Each block is computed
        within the context *turn*.
        """
        vars(self).update(vars(extractor))
        self._samples = samples
        self.check = check
        self.turn = turn

    def __call__(
        self, audio: NDArray[Any], padding: int = 160, chunk_length: int | None = None
    ) -> NDArray[np.float32]:
        """Return the log-mel spectrogram of the recording: shape (mels, frames).

        Frees the recording's samples. *audio*, of shape (n,), is the array that faster-whisper
        holds in place of the samples; only its length is used. *padding* zeros are appended.
        *chunk_length*, in seconds, becomes the window's length. Raises ValueError if *audio* and
        the recording differ in length, and what `check` raises.
        """
        if len(audio) != len(self._samples):
            raise ValueError(f"{len(audio)} samples, but the recording has {len(self._samples)}")
        if chunk_length is not None:
            self.n_samples = chunk_length * self.sampling_rate
            self.nb_max_frames = self.n_samples // self.hop_length
        return _log_mel(self, self._samples, len(audio) + padding)


def _log_mel(extractor: Extractor, samples: Samples, total: int) -> NDArray[np.float32]:
    hop, half = extractor.hop_length, extractor.n_fft // 2
    frames = total // hop
    window = np.hanning(extractor.n_fft + 1)[:-1].astype(np.float32)
    mels = np.empty((len(extractor.mel_filters), frames), np.float32)
    for first, last in _blocks(frames):
        extractor.check()
        with extractor.turn:
            floats = _reflected(samples, first * hop - half, (last - 1) * hop + half, total)
            windows = np.lib.stride_tricks.sliding_window_view(floats, extractor.n_fft)[::hop]
            spectrum = np.fft.rfft(windows * window, n=extractor.n_fft).astype(np.complex64)
            block = extractor.mel_filters @ np.abs(spectrum.T) ** 2
            np.log10(np.clip(block, 1e-10, None), out=mels[:, first:last])
        samples.free(last * hop - half)
        if last % (_GIVE_BACK * _BLOCK) == 0:
            give_back()
    # Whisper's scaling: values at most 80 dB below the greatest, mapped to about -1 to 1.
    np.maximum(mels, mels.max() - 8.0, out=mels)
    mels += 4.0
    mels /= 4.0
    return mels


def _blocks(frames: int) -> Iterator[tuple[int, int]]:
    """Yield the first frame of each block and the frame after its last.

    No block is short, the last one is longer instead: OpenBLAS sums a product with a very narrow
    matrix in another order than one with a wide matrix.
    """
    count = max(frames // _BLOCK, 1)
    for block in range(count):
        yield block * _BLOCK, frames if block == count - 1 else (block + 1) * _BLOCK


def _reflected(samples: Samples, start: int, stop: int, total: int) -> NDArray[np.float32]:
    """Return samples *start* to *stop* of the recording, padded with zeros to *total* samples.

    Before sample 0 and from *total* on, the samples are mirrored.
    """
    inner = samples.floats(max(start, 0), min(stop, total))
    before, after = max(-start, 0), max(stop - total, 0)
    return np.pad(inner, (before, after), mode="reflect") if before or after else inner
