"""The memory of all recordings: its limit holds, and every recording gets its share."""

import io
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from backends.audio.decode import decode
from backends.audio.memory import AudioMemory, Reservation, Understated, Withdrawn
from backends.audio.samples import RATE, SAMPLE_BYTES
from backends.config import AudioLimits
from backends.failures import AudioTooLarge
from tests.backends.recordings import floats
from tests.client.recordings import encoded, tone

SIZE = 64_000
"""1,000 bytes are short, 48,000 the most that one can have."""
SECONDS = 30.0
"""How long to wait for what comes at once."""


def reservation(memory: AudioMemory, longest: float = 1e9) -> Reservation:
    """Return an empty reservation at one byte a second."""
    return memory.reservation(bytes_per_second=1, longest=longest)


def until(memory: AudioMemory, holds: Callable[[], bool]) -> None:
    """Return once *holds* returns true; fail after SECONDS."""
    deadline = time.monotonic() + SECONDS
    with memory.changed:
        while not holds():
            assert time.monotonic() < deadline
            memory.changed.wait(0.02)  # nobody notifies of a recording that begins to wait


@contextmanager
def waiting(memory: AudioMemory, step: Callable[[], None]) -> Iterator[threading.Thread]:
    """Run *step*, which has to wait, in a thread; yield once it waits, and join it at the end."""
    before = len(memory.short.waiting) + len(memory.long.waiting)
    thread = threading.Thread(target=step)
    thread.start()
    until(memory, lambda: len(memory.short.waiting) + len(memory.long.waiting) > before)
    yield thread
    thread.join(SECONDS)
    assert not thread.is_alive()


class Decoding:
    """Decodes recordings in real threads, second by second, and counts what all of them hold."""

    def __init__(self, memory: AudioMemory) -> None:
        self.memory = memory
        self.held = 0
        self.most = 0
        self._lock = threading.Lock()

    def run(self, seed: int) -> tuple[int, bool]:
        """Decode a recording that may state a wrong duration; return its length, and if it fit."""
        rng = random.Random(seed)  # noqa: S311  a recording, no secret
        seconds = rng.choice([rng.randint(1, 900), rng.randint(900, 47_000), 50_000])
        stated = rng.choice([None, seconds, rng.randint(1, 60_000), 0])
        mine = reservation(self.memory, longest=55_000)
        try:
            self._decode(mine, stated, seconds)
        except AudioTooLarge:
            return seconds, False
        finally:
            mine.release()
        return seconds, True

    def _decode(self, mine: Reservation, stated: float | None, seconds: int) -> None:
        mine.acquire(stated)
        try:
            self._hold(mine, seconds)
        except Understated:
            mine.acquire_most()
            self._hold(mine, seconds)

    def _hold(self, mine: Reservation, seconds: int) -> None:
        held = 0
        try:
            while held < seconds:
                step = min(500, seconds - held)
                mine.check(held + step)
                held += step
                self._count(step)
            mine.shrink(seconds)
        finally:
            self._count(-held)

    def _count(self, step: int) -> None:
        with self._lock:
            self.held += step
            self.most = max(self.most, self.held)


@pytest.mark.parametrize("seed", range(5))
def test_all_end_within_the_memory(seed: int) -> None:
    """Short, long and wrongly stated recordings of 24 threads end within the memory.

    Only recordings that are too long for all of it are refused, and all memory is given back.
    """
    memory = AudioMemory(SIZE)
    decoding = Decoding(memory)

    with ThreadPoolExecutor(24) as threads:
        seeds = range(1000 * seed, 1000 * seed + 300)
        try:
            ended = list(threads.map(decoding.run, seeds, timeout=SECONDS))
        except TimeoutError:
            threads.shutdown(wait=False, cancel_futures=True)
            for stuck in [*memory.short.waiting, *memory.long.waiting]:
                stuck.withdraw()
            raise

    assert len(ended) == 300
    assert all(fitted == (seconds < 48_000) for seconds, fitted in ended)
    assert SIZE / 2 < decoding.most <= SIZE
    assert (memory.short.free, memory.long.free) == (memory.short.size, memory.long.size)
    assert not memory.short.waiting
    assert not memory.long.waiting


def test_a_short_one_passes_a_long_one_that_waits() -> None:
    """Short recordings have memory of their own."""
    memory = AudioMemory(SIZE)
    first, second, short = (reservation(memory) for _ in range(3))
    first.acquire(40_000)

    with waiting(memory, lambda: second.acquire(40_000)):
        short.acquire(900)
        first.release()


def test_short_ones_do_not_starve_a_long_one() -> None:
    """Later recordings, short or long, do not get memory that a long one waits for."""
    memory = AudioMemory(SIZE)
    first, second, third = (reservation(memory) for _ in range(3))
    first.acquire(30_000)

    with (
        waiting(memory, lambda: second.acquire(40_000)),
        waiting(memory, lambda: third.acquire(5_000)),
    ):
        shorts = [reservation(memory) for _ in range(16)]
        for short in shorts:
            short.acquire(900)
        with waiting(memory, lambda: reservation(memory).acquire(900)):
            assert list(memory.long.waiting) == [second, third]
            first.release()
            shorts[0].release()


def test_what_is_not_needed_is_given_back() -> None:
    """A recording that turns out shorter makes room for the next one."""
    memory = AudioMemory(SIZE)
    first = reservation(memory)
    first.acquire(40_000)

    with waiting(memory, lambda: reservation(memory).acquire(40_000)):
        first.shrink(10)


def test_a_waiting_recording_can_be_withdrawn() -> None:
    """A client that leaves ends the waiting, holds nothing, and lets the next one pass."""
    memory = AudioMemory(SIZE)
    first, second, third = (reservation(memory) for _ in range(3))
    first.acquire(40_000)
    ended: list[Exception] = []

    def take() -> None:
        try:
            second.acquire(40_000)
        except Withdrawn as withdrawn:
            ended.append(withdrawn)

    with waiting(memory, take), waiting(memory, lambda: third.acquire(5_000)):
        second.withdraw()
    first.release()
    third.release()

    assert ended
    assert memory.long.free == memory.long.size


# ── with real recordings ──────────────────────────────────────────────────────

LIMITS = AudioLimits(max_audio_seconds=60)


def held(size: int, limits: AudioLimits = LIMITS) -> Reservation:
    """Return a reservation in a memory of *size* bytes."""
    return AudioMemory(size).reservation(
        bytes_per_second=RATE * SAMPLE_BYTES, longest=limits.max_audio_seconds
    )


def understated(content: bytes) -> bytes:
    """Return a FLAC of *content* whose header states 100 samples."""
    # After "fLaC" and a block's head: sizes and rate, then 36 bits of total samples.
    return content[:22] + (100).to_bytes(4, "big") + content[26:]


@pytest.mark.parametrize("change", [bytes, understated], ids=["stated", "understated"])
def test_a_long_one_is_decoded_whole(change: Callable[[bytes], bytes]) -> None:
    """A long recording gives the same samples, whether or not it states its duration."""
    content = change(encoded(tone(40), "flac"))
    # A short one may have two seconds.
    mine = held(64 * 2 * RATE * SAMPLE_BYTES)

    samples = decode(io.BytesIO(content), LIMITS, mine)

    assert np.array_equal(samples.floats(0, len(samples)), floats(io.BytesIO(content), LIMITS))
    assert len(samples) == 40 * RATE


@pytest.mark.parametrize("container", ["flac", "wav"])
def test_more_than_the_whole_memory_is_refused(container: str) -> None:
    """A recording that does not fit even into the empty memory is refused."""
    content = encoded(tone(50), container)
    # All but a quarter hold 48 seconds.
    mine = held(64 * RATE * SAMPLE_BYTES)

    with pytest.raises(AudioTooLarge, match="one recording may hold"):
        decode(io.BytesIO(content), LIMITS, mine)


def test_a_withdrawn_recording_is_not_decoded_further() -> None:
    """Decoding ends early once the client has left."""
    mine = held(1 << 30)
    mine.withdraw()

    with pytest.raises(Withdrawn):
        decode(io.BytesIO(encoded(tone(40), "flac")), LIMITS, mine)
