"""Limits on what decoding one recording may cost, and the errors for exceeding them."""

import time
from contextlib import AbstractContextManager

from backends.config import AudioLimits
from backends.failures import AudioTooCostly, AudioTooLarge, AudioTooLong

from .memory import Reservation


class Budget:
    """What one recording has used of its limits; the clock starts when this is created."""

    def __init__(self, limits: AudioLimits, reservation: Reservation) -> None:
        self._limits = limits
        self._reservation = reservation
        self._deadline = time.monotonic() + limits.max_decode_seconds
        self._samples = 0
        self._size = 0

    @property
    def turn(self) -> AbstractContextManager[object]:
        """The context in which each step of decoding runs: see `AudioMemory.turns`."""
        return self._reservation.turn

    def reserve(self, stated: float | None) -> None:
        """Wait for memory for *stated* seconds of audio, None if the length is unknown.

        The time of waiting does not count. Raises what `Reservation.acquire` does.
        """
        since = time.monotonic()
        self._reservation.acquire(stated)
        self._deadline += time.monotonic() - since

    def charge(self, *, samples: int, rate: int, size: int) -> None:
        """Add decoded audio, before it is resampled: *size* bytes, *samples* at *rate* Hz.

        The rate is the same for all of a recording. Raises AudioTooLong, AudioTooLarge,
        AudioTooCostly, and what `Reservation.check` does.
        """
        self._samples += samples
        self._size += size
        if self._samples > self._limits.max_audio_seconds * rate:
            allowed = f"{self._limits.max_audio_seconds:g} s"
            raise AudioTooLong(
                f"The audio is longer than the {allowed} that are allowed.", option="audio"
            )
        if self._size > self._limits.max_decoded_bytes:
            allowed = f"{self._limits.max_decoded_bytes} bytes"
            raise AudioTooLarge(
                f"The audio unpacks to more than the {allowed} that are allowed.", option="audio"
            )
        self._reservation.check(self._samples / rate)
        self.check_time()

    def check_time(self) -> None:
        """Raise AudioTooCostly if decoding has taken more than the wall time allowed."""
        if time.monotonic() > self._deadline:
            allowed = f"{self._limits.max_decode_seconds:g} s"
            raise AudioTooCostly(
                f"The audio takes longer to decode than the {allowed} that are allowed.",
                option="audio",
            )
