"""Recordings for the tests: bundled clips, and whatever the fake engine takes for one."""

import io
from functools import cache
from pathlib import Path
from typing import BinaryIO

from backends.base import SpeechBackend
from backends.fake import FakeSpeech
from tests.live import CLIPS


@cache
def clips() -> list[Path]:
    """Return the bundled clips, always in the same order."""
    return sorted(CLIPS.glob("*.flac"))


def recording(backend: SpeechBackend) -> BinaryIO:
    """Return something that *backend* can hear."""
    if isinstance(backend, FakeSpeech):
        return io.BytesIO(b"turn on the light\nand the lamp")
    return io.BytesIO(clips()[0].read_bytes())
