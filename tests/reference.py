"""faster-whisper's own decoder, whose samples ours have to equal."""

from typing import Any, BinaryIO
from unittest import mock

import av
import faster_whisper.audio
import numpy as np
from numpy.typing import NDArray

_open = av.open


def decode_audio(audio: BinaryIO | str) -> NDArray[np.float32]:
    """Return what `faster_whisper.decode_audio` does, also where PyAV is newer than it knows.

    It asks PyAV to ignore tags in other encodings, which PyAV 19 does without an argument.
    """
    with mock.patch.object(faster_whisper.audio.av, "open", _opened):
        samples: NDArray[np.float32] = faster_whisper.audio.decode_audio(audio)
    return samples


def _opened(file: Any, *, mode: str, metadata_errors: str) -> Any:
    if int(av.__version__.split(".")[0]) < 19:
        return _open(file, mode, metadata_errors=metadata_errors)
    return _open(file, mode)
