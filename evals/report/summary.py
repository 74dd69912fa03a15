"""Computes the summary of a run: the score, and all that is needed to reproduce it."""

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Literal

import msgspec

from evals.report.interval import interval_of, pairs_of
from evals.report.spread import Spread
from evals.result import Failure, Result
from evals.score.intervals import percentile
from evals.score.scorers import Scorer, sha256

Ended = Literal["finished", "stopped", "interrupted"]
"""How a run ended: after all samples; by a failed sample; by a signal or a server that ended."""

PACKAGES = ("evalshim", "openai", "jiwer", "whisper-normalizer", "av", "numpy")


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Failures of one type and HTTP status; *example* is the first one's message."""

    name: str
    failed: int
    example: str


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of samples; answered + failed + unasked = samples.

    A sample that is sent five times counts as five. *truncated* counts answers with finish_reason
    "length"; *kinds* divides the failures by kind, the most frequent first.
    """

    samples: int
    answered: int
    failed: int
    unasked: int
    truncated: int
    kinds: list[Kind]


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """The score: *value* = *numerator* / *denominator*, pooled over the *samples* that were scored.

    *low* and *high* are the bounds of the 95 % interval, and *interval* names its method; without
    an interval they are None, and *interval* names the reason. *value* is None if there is no
    score, or if no sample was answered: failures that count as empty answers measure no model.
    *substitutions*, *deletions* and *insertions* add up to the numerator of an error rate; else
    they are None. *scorer_sha256* is of the file with a scorer of the user's own.
    """

    scorer: Scorer
    scorer_sha256: str | None = None
    normalizer: str
    value: float | None
    numerator: int | float
    denominator: int | float
    substitutions: int | None = None
    deletions: int | None = None
    insertions: int | None = None
    samples: int
    failures_scored_as_empty: int
    low: float | None
    high: float | None
    interval: str


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """Speed of the answered samples, times in seconds. None: unknown, or no sample was answered.

    *wall* is the time of the whole run; *p50*, *p95* are nearest-rank percentiles of the latency.
    *audio* and *completion_tokens* are sums; they are None if one sample's value is unknown, as a
    part of a sum would look like the whole. A run by batch has neither latencies nor rates: its
    server goes on while nobody waits, and *wall* is only how long somebody did.
    """

    wall: float
    p50: float | None
    p95: float | None
    first_token_p50: float | None
    first_token_p95: float | None
    audio: float | None
    audio_per_second: float | None
    completion_tokens: int | None
    tokens_per_second: float | None


class Retries(msgspec.Struct, frozen=True, kw_only=True):
    """Retries of the SDK, retries after a cut stream, and probes before the server was ready.

    *resent* counts samples that were sent again after a wait for a server that was gone.
    """

    sdk: int
    streams: int
    readiness: int
    resent: int = 0


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One run: enough to repeat it with the same data. It never contains a key.

    *manifest* is the source of the data set, and *manifest_sha256* its hash, as in
    `evals.dataset.Dataset`. *complete* is whether every sample was answered. *started_at* is in
    UTC, as ISO 8601. *spread* is None if each sample was sent once.
    """

    task: str
    kind: str
    complete: bool
    ended: Ended
    started_at: str
    base_url: str
    model: str
    models_answering: list[str]
    manifest: str
    manifest_sha256: str
    options: dict[str, Any]
    counts: Counts
    score: Score
    speed: Speed
    retries: Retries
    spread: Spread | None = None
    results: str
    versions: dict[str, str]


def count(results: Sequence[Result], samples: int) -> Counts:
    """Return the numbers of *results* by outcome; *samples* is the number of samples in the run."""
    failed = [result.error for result in results if result.error is not None]
    reasons = [result.answer.finish_reason for result in results if result.answer is not None]
    return Counts(
        samples=samples,
        answered=len(reasons),
        failed=len(failed),
        unasked=samples - len(results),
        truncated=reasons.count("length"),
        kinds=_kinds(failed),
    )


def _kinds(failures: Sequence[Failure]) -> list[Kind]:
    names = [failure.kind for failure in failures]
    return [
        Kind(name=name, failed=failed, example=failures[names.index(name)].message)
        for name, failed in Counter(names).most_common()
    ]


def pool(results: Sequence[Result], *, scorer: Scorer, normalizer: str) -> Score:
    """Return the pooled score. Without an answer or a scored unit its value is None, not 0."""
    scored = [result for result in results if result.tally is not None]
    tallies = [result.tally for result in scored if result.tally is not None]
    pairs = pairs_of(scored)
    numerator, denominator = sum(n for n, _ in pairs), sum(d for _, d in pairs)
    known = denominator > 0 and any(result.answer is not None for result in scored)
    low, high, interval = (
        interval_of(scored, scorer) if known else (None, None, "none: there is no score")
    )
    return Score(
        scorer=scorer,
        scorer_sha256=sha256(scorer),
        normalizer=normalizer,
        value=numerator / denominator if known else None,
        numerator=numerator,
        denominator=denominator,
        substitutions=_sum([tally.substitutions for tally in tallies]),
        deletions=_sum([tally.deletions for tally in tallies]),
        insertions=_sum([tally.insertions for tally in tallies]),
        samples=len(scored),
        failures_scored_as_empty=sum(result.status == "failed" for result in scored),
        low=low,
        high=high,
        interval=interval,
    )


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def retries(results: Sequence[Result], readiness: int) -> Retries:
    """Return the sums of retries; *readiness* is the number of failed probes before the run."""
    return Retries(
        sdk=sum(result.retries for result in results),
        streams=sum(result.streams_reasked for result in results),
        readiness=readiness,
        resent=sum(result.resent for result in results),
    )


def measure(results: Sequence[Result], wall: float) -> Speed:
    """Return the speed of the answered samples of a run that took *wall* seconds."""
    answers = [(result, result.answer) for result in results if result.answer is not None]
    latencies = [result.latency for result, _ in answers if result.latency is not None]
    known = wall if len(latencies) == len(answers) else 0.0
    firsts = [a.first_token for _, a in answers if a.first_token is not None]
    audio = _whole_sum([result.audio_seconds for result, _ in answers])
    tokens = _whole_sum([answer.completion_tokens for _, answer in answers])
    return Speed(
        wall=wall,
        p50=percentile(latencies, 50),
        p95=percentile(latencies, 95),
        first_token_p50=percentile(firsts, 50),
        first_token_p95=percentile(firsts, 95),
        audio=audio,
        audio_per_second=audio / known if audio is not None and known else None,
        completion_tokens=None if tokens is None else int(tokens),
        tokens_per_second=tokens / known if tokens is not None and known else None,
    )


def _whole_sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def versions() -> dict[str, str]:
    """Return the versions of the packages that the score depends on."""
    return {name: version(name) for name in PACKAGES}
