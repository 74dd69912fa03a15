"""Rate limits: buckets that refill within a minute, and what a refused client reads."""

import pytest

from shim.errors import RateLimited
from shim.http.rate_limiter import Charges, RateLimiter, duration
from shim.key_settings import RateLimits, Rates
from shim.serving.request_record import RequestRecord


class Time:
    """A clock that a test sets, in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def time() -> Time:
    """Return a clock."""
    return Time()


@pytest.fixture
def limiter(time: Time) -> RateLimiter:
    """Return a limiter that goes by *time*."""
    return RateLimiter(clock=time)


def request(limiter: RateLimiter, limits: Rates, key: bytes = b"k", tokens: int = 0) -> Charges:
    """Run one request that takes *tokens*, and return its charges."""
    record = RequestRecord()
    charges = limiter.start(key, limits, record)
    charges.begin()
    record.prompt_tokens = tokens
    charges.settle()
    return charges


def refused(limiter: RateLimiter, limits: Rates) -> float:
    """Return after how many seconds a refused request may come back."""
    with pytest.raises(RateLimited) as refusal:
        request(limiter, limits)
    return refusal.value.retry_after


def test_requests_refill(limiter: RateLimiter, time: Time) -> None:
    """A limit of 30 a minute is 30 at once, and then one every two seconds."""
    limits: Rates = {"requests": 30}
    for _ in range(30):
        request(limiter, limits)

    assert refused(limiter, limits) == 2
    time.now += 2
    request(limiter, limits)
    assert refused(limiter, limits) == 2


def test_a_refusal_is_not_charged(limiter: RateLimiter, time: Time) -> None:
    """A request that is refused is not charged, so retries do not delay the next answer."""
    limits: Rates = {"requests": 1, "tokens": 60}
    request(limiter, limits)

    assert [refused(limiter, limits) for _ in range(5)] == [60] * 5
    time.now += 60
    request(limiter, limits)


def test_tokens_may_go_below_zero(limiter: RateLimiter, time: Time) -> None:
    """Tokens are known at the end: the next request waits until a token remains."""
    limits: Rates = {"tokens": 60}
    charges = request(limiter, limits, tokens=90)

    assert [(left.amount, left.reset_seconds) for left in charges.remaining()] == [(-30, 90)]
    assert refused(limiter, limits) == 30
    time.now += 30.1
    request(limiter, limits)


def test_settled_twice(limiter: RateLimiter) -> None:
    """What is known when an answer begins is not charged again at its end."""
    charges = request(limiter, {"tokens": 100}, tokens=10)

    charges.settle()

    assert [left.amount for left in charges.remaining()] == [90]


def test_keys_do_not_share(limiter: RateLimiter) -> None:
    """What one key uses does not count for another."""
    request(limiter, {"requests": 1}, key=b"a")

    request(limiter, {"requests": 1}, key=b"b")


def test_another_limit_after_a_reload(limiter: RateLimiter) -> None:
    """What a key has used counts on when its limit changes."""
    for _ in range(3):
        request(limiter, {"requests": 3})

    charges = request(limiter, {"requests": 10})

    assert [left.amount for left in charges.remaining()] == [6]
    refused(limiter, {"requests": 3})


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.0119, "12ms"), (1, "1s"), (7.66, "7.66s"), (59.9999, "1m0s"), (360, "6m0s")],
)
def test_durations(seconds: float, text: str) -> None:
    """Durations are written as OpenAI writes them."""
    assert duration(seconds) == text


def test_a_keys_own_limits() -> None:
    """A key's own limits go before the default of that unit, and not before those of others."""
    own = RateLimits(tokens_per_minute=5)

    limits = own.over(RateLimits(tokens_per_minute=100, requests_per_minute=7)).by_unit

    assert limits == {"tokens": 5, "requests": 7}
