"""Puts recordings into a page: compressed within it, or as a link to the file.

A run's folder may come from anywhere, so FFmpeg opens nothing but the bytes of the named file.
"""

import base64
import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import av
import msgspec

Audio = Literal["embed", "link", "none"]
"""What becomes of recordings: within the page as far as they fit, links to the files, or left
out."""

BUDGET = 10 * 1024 * 1024
"""Bytes of recordings in a page, in base64, if nothing else is said: about 50 minutes."""
BIT_RATE = 24_000
"""Bits per second of a recording in the page, mono; enough to judge speech by ear."""
RATE = 16_000
"""Samples per second of a recording in the page: those that Whisper hears."""
QUICK = {"compression_level": "0", "frame_duration": "60"}
"""Options of libopus: four times as quick as its defaults, of the same size and bit rate."""
KIND = "audio/ogg"
TEXT_PER_BYTE = 4 / 3
"""Characters of base64 per byte."""


class Clips(msgspec.Struct, frozen=True, kw_only=True):
    """The recordings of a page, by the path that the results name.

    *embedded* has base64 of Ogg with Opus, *linked* the path relative to the page, quoted as in a
    URL; *missing* names those that do not exist any more or cannot be decoded.
    """

    embedded: dict[str, str]
    linked: dict[str, str]
    missing: list[str]


def gather(paths: Iterable[str], *, audio: Audio, budget: int, page: Path) -> Clips:
    """Return the recordings *paths* for the page at *page*.

    With "embed" the first ones come into the page, until *budget* bytes are used; those that do
    not fit are linked.
    """
    embedded: dict[str, str] = {}
    linked: dict[str, str] = {}
    missing: list[str] = []
    for path in dict.fromkeys(paths) if audio != "none" else ():
        file = Path(path)
        if not file.is_file():
            missing.append(path)
            continue
        if audio == "embed":
            try:
                content = compress(file, most=int(budget / TEXT_PER_BYTE))
            except (av.FFmpegError, OSError, NoAudio):
                missing.append(path)
                continue
            if content is not None:
                embedded[path] = base64.b64encode(content).decode()
                budget -= len(embedded[path])
                continue
        linked[path] = link(file, page)
    return Clips(embedded=embedded, linked=linked, missing=missing)


class NoAudio(Exception):
    """A file without sound."""


def compress(file: Path, *, most: int) -> bytes | None:
    """Return the recording as Ogg with Opus, mono; None if that takes more than *most* bytes.

    Raises NoAudio, av.FFmpegError and OSError.
    """
    found = io.BytesIO()
    # "none" is the name of no protocol: a playlist must not make FFmpeg open other files.
    locked = {"protocol_whitelist": "none"}
    with (
        file.open("rb") as opened,
        av.open(opened, mode="r", container_options=locked) as source,
        av.open(found, "w", format="ogg") as target,
    ):
        if not source.streams.audio:
            raise NoAudio
        stream = target.add_stream("libopus", rate=RATE, layout="mono", options=QUICK)
        stream.bit_rate = BIT_RATE
        for frame in source.decode(audio=0):
            frame.pts = None
            target.mux(stream.encode(frame))
            if found.tell() > most:
                return None
        target.mux(stream.encode(None))
    if not found.tell():
        raise NoAudio
    return found.getvalue() if found.tell() <= most else None


def link(file: Path, page: Path) -> str:
    """Return the address of *file* relative to the page at *page*; it has no scheme and no host."""
    relative = os.path.relpath(file.resolve(), page.parent.resolve())
    return "./" + quote(os.fsencode(relative))
