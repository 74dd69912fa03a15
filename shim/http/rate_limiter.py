"""Counts what each key uses, and refuses a request beyond the key's rate limits.

For each limit a key has a bucket that holds the limit of one minute and refills evenly. A request
is charged when it arrives, its tokens and its audio when they are known. These may be more than the
bucket holds: the key is then refused until the bucket has refilled.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from shim.errors import RateLimited
from shim.key_settings import Rates, Unit
from shim.serving.request_record import RequestRecord

_WORDS: Mapping[Unit, str] = {
    "requests": "requests per min (RPM)",
    "tokens": "tokens per min (TPM)",
    "audio-seconds": "audio seconds per min (ASPM)",
}

_MINUTE = 60.0
"""In seconds."""

_SECOND = 1000
"""In milliseconds."""


class Remaining(Struct, frozen=True):
    """What a key may still use of one unit."""

    unit: Unit
    limit: int
    amount: float
    """Below zero if the key has used more than the limit."""
    reset_seconds: float
    """Seconds until nothing counts as used."""


class _Bucket:
    """How much of one unit a key has used: it is forgotten evenly, a limit's worth in a minute."""

    __slots__ = ("_at", "_used")

    def __init__(self) -> None:
        self._used = 0.0
        self._at = 0.0

    def used(self, limit: int, now: float) -> float:
        return max(self._used - (now - self._at) * limit / _MINUTE, 0.0)

    def add(self, amount: float, limit: int, now: float) -> None:
        self._used = self.used(limit, now) + amount
        self._at = now


class RateLimiter:
    """The buckets of all keys. They do not depend on the settings, and outlive a reload of them."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """*clock* returns seconds."""
        self._clock = clock
        self._buckets: defaultdict[tuple[bytes, Unit], _Bucket] = defaultdict(_Bucket)

    def start(self, key: bytes, limits: Rates, record: RequestRecord) -> "Charges":
        """Return the charges of a new request, whose tokens and audio *record* will have.

        *key* is the digest of its key. `Charges.begin` must be called next.
        """
        buckets = {unit: self._buckets[key, unit] for unit in limits}
        return Charges(buckets, limits, record, self._clock)


class Charges:
    """What one request is charged with."""

    def __init__(
        self,
        buckets: Mapping[Unit, _Bucket],
        limits: Rates,
        record: RequestRecord,
        clock: Callable[[], float],
    ) -> None:
        self._buckets = buckets
        self._limits = limits
        self._record = record
        self._clock = clock
        self._tokens = 0
        self._audio_seconds = 0.0

    def begin(self) -> None:
        """Charge the request itself.

        Raises RateLimited, and charges nothing, if the key has used up one of its limits.
        """
        now = self._clock()
        waits = [(self._seconds_until_free(unit, now), unit) for unit in self._limits]
        seconds, unit = max(waits)
        if seconds > 0:
            raise RateLimited(self._refusal(unit, seconds, now), retry_after=seconds)
        self._add("requests", 1, now)

    def settle(self) -> None:
        """Charge the tokens and the audio that the record has got since the last call."""
        record, now = self._record, self._clock()
        tokens = record.prompt_tokens + record.completion_tokens
        self._add("tokens", tokens - self._tokens, now)
        self._add("audio-seconds", record.audio_seconds - self._audio_seconds, now)
        self._tokens, self._audio_seconds = tokens, record.audio_seconds

    def remaining(self) -> Iterator[Remaining]:
        """Yield what the key may still use of each limited unit."""
        now = self._clock()
        for unit, limit in self._limits.items():
            used = self._buckets[unit].used(limit, now)
            yield Remaining(unit, limit, limit - used, used * _MINUTE / limit)

    def _add(self, unit: Unit, amount: float, now: float) -> None:
        if unit in self._limits and amount:
            self._buckets[unit].add(amount, self._limits[unit], now)

    def _seconds_until_free(self, unit: Unit, now: float) -> float:
        """Return seconds until the key may use *unit* again; 0 if it may now.

        A request needs one whole request, and any rest of the other units.
        """
        limit = self._limits[unit]
        beyond = self._buckets[unit].used(limit, now) - limit
        if unit == "requests":
            return max(beyond + 1, 0.0) * _MINUTE / limit
        return 0.0 if beyond < 0 else max(beyond * _MINUTE / limit, 0.001)

    def _refusal(self, unit: Unit, seconds: float, now: float) -> str:
        """Return the message of a refusal, in OpenAI's words."""
        limit = self._limits[unit]
        used = math.ceil(self._buckets[unit].used(limit, now))
        requested = ", Requested 1" if unit == "requests" else ""
        return (
            f"Rate limit reached on {_WORDS[unit]}: Limit {limit}, Used {used}{requested}. "
            f"Please try again in {duration(seconds)}."
        )


def duration(seconds: float) -> str:
    """Return *seconds*, rounded up to milliseconds, as OpenAI writes it: "12ms", "1.5s", "6m0s"."""
    milliseconds = math.ceil(seconds * 1000)
    if 0 < milliseconds < _SECOND:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60 * _SECOND)
    return f"{minutes}m{rest / _SECOND:g}s" if minutes else f"{rest / _SECOND:g}s"
