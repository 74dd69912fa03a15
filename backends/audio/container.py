"""Opens a file as an FFmpeg container, within bounds.

FFmpeg must not open files and hosts that a playlist or a session description names. It must not
decode pictures to learn their size. And the file object must not raise into FFmpeg: PyAV would
re-raise it in the thread's *next* decode.
"""

import errno
import os
from typing import Any, BinaryIO

import av
from av.audio.stream import AudioStream
from av.container import InputContainer

from backends.failures import AudioTooCostly, EmptyAudio, NoAudio, UndecodableAudio

from .budget import Budget

_LENIENT = 19
"""The first version of PyAV that ignores tags which are not UTF-8 by default."""

_VERSION = int(av.__version__.split(".")[0])
_TAGS: dict[str, Any] = {} if _VERSION >= _LENIENT else {"metadata_errors": "ignore"}


def _decodes_sound(name: str) -> bool:
    try:
        return av.Codec(name, "r").type == "audio"
    except ValueError:  # it only encodes
        return False


_OPTIONS = {
    "protocol_whitelist": "none",
    "codec_whitelist": ",".join(filter(_decodes_sound, sorted(av.codecs_available))),
}
"""FFmpeg's options, set for the container. Set for its streams, they would not reach a stream that
appears late, and would crash PyAV before 17 if all streams appear late (MPEG, FLV)."""


class Source:
    """A file object for FFmpeg, without a name. At the first error it ends instead of raising."""

    def __init__(self, audio: BinaryIO, budget: Budget) -> None:
        self._audio = audio
        self._budget = budget
        self._error: Exception | None = None

    def read(self, size: int) -> bytes:
        """Return at most *size* bytes, none after an error or when the decoding time is used up."""
        if self._error is not None:
            return b""
        try:
            self._budget.check_time()
            return self._audio.read(size)
        except (AudioTooCostly, OSError, ValueError) as error:  # ValueError: closed meanwhile
            self._error = error
            return b""

    def seek(self, offset: int, whence: int) -> int:
        """Return the new position; -EINVAL for an impossible one, as in damaged files."""
        try:
            return self._audio.seek(offset, whence)
        except (OSError, ValueError):
            return -errno.EINVAL

    def tell(self) -> int:
        """Return the position, in bytes."""
        return self._audio.tell()

    def check(self) -> None:
        """Raise the error that made the file end early, if there was one."""
        if self._error is not None:
            raise self._error


class Unmeasured(Source):
    """A Source that hides the length of the file.

    FFmpeg only seeks from the end to learn that length.
    """

    def __init__(self, audio: BinaryIO, budget: Budget, *, last: int | None = None) -> None:
        """Take *last*, the result of each seek from the end; None: -ENOSYS, an unknown length."""
        super().__init__(audio, budget)
        self._last = -errno.ENOSYS if last is None else last

    def seek(self, offset: int, whence: int) -> int:
        """Return the new position; for a seek from the end, the result that `__init__` took."""
        return self._last if whence == os.SEEK_END else super().seek(offset, whence)


def opened(source: Source) -> InputContainer:
    """Open *source* and return its container, which the caller closes.

    Raises EmptyAudio if the file ends within its header, av.FFmpegError if it is not a container,
    and what `Source.check` does.
    """
    try:
        container: InputContainer = av.open(source, mode="r", container_options=_OPTIONS, **_TAGS)
    except av.FFmpegError as error:
        source.check()
        if isinstance(error, av.error.EOFError) or error.errno == errno.EIO:
            raise EmptyAudio("The file ends before its audio begins.", option="audio") from error
        raise
    return container


def first_stream(container: InputContainer) -> AudioStream:
    """Return the first audio stream of *container*.

    Raises NoAudio if there is none, and UndecodableAudio if FFmpeg has no decoder for it.
    """
    if not container.streams.audio:
        raise NoAudio("The file holds no audio.", option="audio")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise UndecodableAudio("The audio is of a kind that cannot be decoded.", option="audio")
    return stream
