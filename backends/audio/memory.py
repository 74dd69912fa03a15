"""One bound on the decoded audio of all recordings in this process; they wait for their turn."""

import os
import threading
from collections import deque
from contextlib import AbstractContextManager

from backends.failures import AudioTooLarge

DEFAULT_BYTES = 1 << 30

_SHORT = 64
"""A short recording takes at most this part of all: of the default 16 MiB, some 8 minutes."""

_SHARE = 4
"""The part of all that short recordings have for themselves."""

_MARGIN = 1.01
"""Containers understate by a little: an encoder's delay, the last frame's padding."""


class AudioMemory:
    """Bytes that decoded recordings may hold together, shared by all models of a process.

    The rule: a recording reserves in one step all that it may need, while it holds nothing, and
    gives back afterwards what it did not need. So none ever waits while it holds something, those
    that hold something end without more, and nobody can wait for ever: there is no deadlock.

    How long a recording is shows only once it is decoded. It reserves by what its container states.
    One that states nothing is taken for a short one. One that then turns out longer gives all back
    and starts anew, with a reservation for the longest that its limits allow.

    Short recordings have a pool of their own: a long one that waits does not hold them up, and they
    do not hold it up. In each pool the order is that of arrival.
    """

    def __init__(self, size: int = DEFAULT_BYTES) -> None:
        self.changed = threading.Condition()
        self.turns = threading.Semaphore(os.cpu_count() or 1)
        """Taken for each step of work on a recording, of some milliseconds, so that no more threads
        work at once than there are processors. Sixteen threads held the interpreter's lock one
        after the other, and the event loop waited up to 0.2 s for all of them."""
        self.short_bytes = size // _SHORT
        self.short = Pool(size // _SHARE)
        self.long = Pool(size - size // _SHARE)

    def reservation(self, *, bytes_per_second: int, longest: float) -> "Reservation":
        """Return the reservation of one recording, of nothing yet.

        *longest* is the most seconds of audio that its limits allow.
        """
        return Reservation(self, bytes_per_second, longest)


class Pool:
    """A part of the memory with its own queue; used under the condition `AudioMemory.changed`."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.free = size
        self.waiting: deque[Reservation] = deque()


class Understated(Exception):
    """A recording is longer than its container states, and than what was reserved for it."""


class Withdrawn(Exception):
    """Nobody waits for this recording any more: ends the thread that works on it."""


class Reservation:
    """What one recording holds. One thread uses it; `withdraw` may be called from any."""

    def __init__(self, memory: AudioMemory, bytes_per_second: int, longest: float) -> None:
        self._memory = memory
        self._bytes_per_second = bytes_per_second
        self._most = min(self._bytes(longest), memory.long.size)
        self._pool = memory.short
        self._held = 0
        self._withdrawn = False

    @property
    def turn(self) -> AbstractContextManager[object]:
        """What a step of work is done within: `with reservation.turn`."""
        return self._memory.turns

    def take(self, stated: float | None) -> None:
        """Wait until a recording of *stated* seconds may be decoded; None: it does not say.

        Does nothing after `take_most`. Raises Withdrawn.
        """
        if self._held:
            return
        size = 0 if stated is None else self._bytes(stated * _MARGIN + 1)
        if size <= self._memory.short_bytes:
            self._take(self._memory.short, self._memory.short_bytes)
        else:
            self._take(self._memory.long, min(size, self._most))

    def take_most(self) -> None:
        """Give back what is held, then wait for as much as one recording can have.

        Raises Withdrawn.
        """
        self.release()
        self._take(self._memory.long, self._most)

    def check(self, seconds: float) -> None:
        """Raise what is wrong with holding *seconds* of audio, if something is.

        Withdrawn; Understated if `take_most` would be enough or may be; else AudioTooLarge.
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
        """Keep what *seconds* of audio need, which is all that there is; give back the rest."""
        self._give_back(max(self._held - self._bytes(seconds), 0))

    def release(self) -> None:
        """Give all back. Does nothing the second time."""
        self._give_back(self._held)

    def withdraw(self) -> None:
        """Let the thread that waits, or the next `check`, raise Withdrawn."""
        with self._memory.changed:
            self._withdrawn = True
            self._memory.changed.notify_all()

    def _bytes(self, seconds: float) -> int:
        return int(seconds * self._bytes_per_second) + 1

    def _take(self, pool: Pool, size: int) -> None:
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
