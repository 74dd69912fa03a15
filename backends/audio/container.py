"""A file as FFmpeg may see it, opened as a container within bounds.

It must not open what a file names (playlists and session descriptions name local files and hosts).
It must not unpack pictures to learn their size. And it must not see an exception of the file's,
which PyAV would raise in the thread's next decoding.
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
"""The first PyAV that reads tags which are not UTF-8 without being asked to."""

_VERSION = int(av.__version__.split(".")[0])
_TAGS: dict[str, Any] = {} if _VERSION >= _LENIENT else {"metadata_errors": "ignore"}


def _decodes_sound(name: str) -> bool:
    try:
        return av.Codec(name, "r").type == "audio"
    except ValueError:  # it only encodes
        return False


_WITHIN = {
    "protocol_whitelist": "none",
    "codec_whitelist": ",".join(filter(_decodes_sound, sorted(av.codecs_available))),
}
"""Options for the container. Those for its streams would not reach streams that show late, and
crash PyAV before 17 where all do (MPEG, FLV)."""


class Source:
    """A file as FFmpeg may see it: without a name, and at its end once something went wrong."""

    def __init__(self, audio: BinaryIO, budget: Budget) -> None:
        self._audio = audio
        self._budget = budget
        self._failure: Exception | None = None

    def read(self, size: int) -> bytes:
        """Return at most *size* bytes."""
        if self._failure is not None:
            return b""
        try:
            self._budget.check_time()
            return self._audio.read(size)
        except (AudioTooCostly, OSError, ValueError) as failure:  # ValueError: closed meanwhile
            self._failure = failure
            return b""

    def seek(self, offset: int, whence: int) -> int:
        """Return the new position, or EINVAL for none such: damaged files point anywhere."""
        try:
            return self._audio.seek(offset, whence)
        except (OSError, ValueError):
            return -errno.EINVAL

    def tell(self) -> int:
        """Return the position."""
        return self._audio.tell()

    def check(self) -> None:
        """Raise what made the file end early."""
        if self._failure is not None:
            raise self._failure


class Unmeasured(Source):
    """The same file, whose length is not known.

    FFmpeg learns the length by seeking to the last byte, and seeks from the end for nothing else.
    """

    def __init__(self, audio: BinaryIO, budget: Budget, *, last: int | None = None) -> None:
        """Claim that the last byte is at position *last*; None: there is no telling."""
        super().__init__(audio, budget)
        self._last = -errno.ENOSYS if last is None else last

    def seek(self, offset: int, whence: int) -> int:
        """Return the new position, the claimed one at the end, or an error as a negative."""
        return self._last if whence == os.SEEK_END else super().seek(offset, whence)


def opened(source: Source) -> InputContainer:
    """Return the container that *source* is, to be closed by the caller.

    Raises EmptyAudio where the file ends within its header, av.FFmpegError for what is no
    container, and what `Source.check` does.
    """
    try:
        container: InputContainer = av.open(source, mode="r", container_options=_WITHIN, **_TAGS)
    except av.FFmpegError as error:
        source.check()
        if isinstance(error, av.error.EOFError) or error.errno == errno.EIO:
            raise EmptyAudio("The file ends before its audio begins.", option="audio") from error
        raise
    return container


def first_stream(container: InputContainer) -> AudioStream:
    """Return the first audio stream of *container*.

    Raises NoAudio without one, and UndecodableAudio where FFmpeg has no decoder for it.
    """
    if not container.streams.audio:
        raise NoAudio("The file holds no audio.", option="audio")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise UndecodableAudio("The audio is of a kind that cannot be decoded.", option="audio")
    return stream
