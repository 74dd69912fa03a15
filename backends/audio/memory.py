"""Limits the memory of all decoded recordings in this process; recordings wait for their share."""

import os
import threading
from collections import deque
from contextlib import AbstractContextManager

from backends.failures import AudioTooLarge

DEFAULT_BYTES = 1 << 30
"""Bytes of decoded audio in one process, unless configured."""

_SHORT = 64
"""Divisor: a short recording takes at most a 64th of all memory, 16 MiB or some 8 minutes by
default."""

_SHARE = 4
"""Divisor: a quarter of all memory is reserved for short recordings."""

_MARGIN = 1.01
"""Factor on stated durations, which are a little too short: an encoder's delay and the padding of
the last frame are missing."""


class AudioMemory:
    """The bytes that all decoded recordings of a process may hold together.

    The rule: a recording reserves all memory that it may need in one step, while it holds none, and
    afterwards gives back what it did not need. So no recording waits while it holds memory, and
    those that hold memory finish without more: there is no deadlock.

    The length of a recording is only known once it is decoded, so it reserves by the duration that
    its container states. A recording without one counts as short. A recording that turns out to be
    longer than stated gives everything back and starts again, with memory for the longest that its
    limits allow.

    Short recordings have a pool of their own, so that long and short ones do not delay each other.
    Each pool serves in order of arrival.
    """

    def __init__(self, size: int = DEFAULT_BYTES) -> None:
        self.changed = threading.Condition()
        self.turns = threading.Semaphore(os.cpu_count() or 1)
        """A semaphore that threads hold during each step of work on a recording, for milliseconds,
        so that no more threads work at once than there are processors. Without it sixteen threads
        took the interpreter's lock one after the other, and the event loop waited up to 0.2 s."""
        self.short_bytes = size // _SHORT
        self.short = Pool(size // _SHARE)
        self.long = Pool(size - size // _SHARE)

    def reservation(self, *, bytes_per_second: int, longest: float) -> "Reservation":
        """Return an empty reservation for one recording.

        *longest* is the most seconds of audio that its limits allow.
        """
        return Reservation(self, bytes_per_second, longest)


class Pool:
    """A part of the memory with its own queue; use it only with `AudioMemory.changed` held."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.free = size
        self.waiting: deque[Reservation] = deque()


class Understated(Exception):
    """The recording is longer than its container states, and needs more than was reserved."""


class Withdrawn(Exception):
    """The client has left: raised in the thread that works on the recording, to end it."""


class Reservation:
    """The memory that one recording holds. One thread uses it; any may call `withdraw`."""

    def __init__(self, memory: AudioMemory, bytes_per_second: int, longest: float) -> None:
        self._memory = memory
        self._bytes_per_second = bytes_per_second
        self._most = min(self._bytes(longest), memory.long.size)
        self._pool = memory.short
        self._held = 0
        self._withdrawn = False

    @property
    def turn(self) -> AbstractContextManager[object]:
        """The context in which each step of work runs: see `AudioMemory.turns`."""
        return self._memory.turns

    def acquire(self, stated: float | None) -> None:
        """Wait for the memory of a recording of *stated* seconds; None: its length is unknown.

        Does nothing if memory is held already. Raises Withdrawn.
        """
        if self._held:
            return
        size = 0 if stated is None else self._bytes(stated * _MARGIN + 1)
        if size <= self._memory.short_bytes:
            self._acquire(self._memory.short, self._memory.short_bytes)
        else:
            self._acquire(self._memory.long, min(size, self._most))

    def acquire_most(self) -> None:
        """Give back what is held, then wait for the most memory that this recording may have.

        Raises Withdrawn.
        """
        self.release()
        self._acquire(self._memory.long, self._most)

    def check(self, seconds: float) -> None:
        """Check that *seconds* of audio fit into the memory that is held.

        Raises Withdrawn after `withdraw`. If the audio does not fit, raises Understated where
        `acquire_most` can get more memory, else AudioTooLarge.
        """
        if self._withdrawn:
            raise Withdrawn
        if seconds * self._bytes_per_second <= self._held:
            return
        if self._held < self._most:
            raise Understated
        raise AudioTooLarge(
            f"The audio unpacks to more than the {self._most} bytes that one recording may hold.",
            option="audio",
        )

    def shrink(self, seconds: float) -> None:
        """Keep what the whole recording, *seconds* of audio, needs; give back the rest."""
        self._give_back(max(self._held - self._bytes(seconds), 0))

    def release(self) -> None:
        """Give everything back. Does nothing the second time."""
        self._give_back(self._held)

    def withdraw(self) -> None:
        """Make the waiting thread raise Withdrawn, or else the next `acquire` or `check`."""
        with self._memory.changed:
            self._withdrawn = True
            self._memory.changed.notify_all()

    def _bytes(self, seconds: float) -> int:
        return int(seconds * self._bytes_per_second) + 1

    def _acquire(self, pool: Pool, size: int) -> None:
        changed = self._memory.changed
        with changed:
            pool.waiting.append(self)
            try:
                changed.wait_for(lambda: self._withdrawn or self._is_next(pool, size))
                if self._withdrawn:
                    raise Withdrawn
                pool.free -= size
                self._pool, self._held = pool, size
            finally:
                pool.waiting.remove(self)
                changed.notify_all()

    def _is_next(self, pool: Pool, size: int) -> bool:
        return pool.waiting[0] is self and size <= pool.free

    def _give_back(self, size: int) -> None:
        with self._memory.changed:
            self._pool.free += size
            self._held -= size
            self._memory.changed.notify_all()
