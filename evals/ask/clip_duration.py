"""Reads how long a clip lasts, on the client, so that it works with any server."""

from pathlib import Path

import av


def seconds(path: Path) -> float | None:
    """Return the duration of the audio file at *path* in seconds, None if it cannot be read.

    That is the duration that the container states; only without one are the samples counted, as
    decoding them on the client would slow down a server on the same machine.
    """
    try:
        with av.open(path) as container:
            stream = container.streams.audio[0]
            if stream.duration is not None and stream.time_base is not None:
                return float(stream.duration * stream.time_base)
            if container.duration is not None:
                return container.duration / av.time_base
            return sum(frame.samples / frame.sample_rate for frame in container.decode(stream))
    except (av.FFmpegError, IndexError):
        return None
