"""The summary of a run: a number to trust, and what is needed to get it again."""

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Literal

import msgspec

from evals.result import Failure, Result
from evals.score.intervals import NoInterval, bootstrap, percentile, wilson

Ended = Literal["finished", "stopped", "interrupted"]
"""How a run ended: all samples were asked; a failure stopped it; a signal or a lost server did."""

PACKAGES = ("evalshim", "openai", "jiwer", "whisper-normalizer", "av", "numpy")


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Failures of one type and HTTP status; *example* is the first one's message."""

    name: str
    failed: int
    example: str


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the samples; answered + failed + unasked = samples.

    *truncated* are answers with finish_reason "length"; *kinds* tells the failures apart, the most
    frequent first.
    """

    samples: int
    answered: int
    failed: int
    unasked: int
    truncated: int
    kinds: list[Kind]


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """The number: *numerator* / *denominator*, pooled over *samples* scored; None if there is none.

    *low* and *high* bound the 95 % interval found by *interval*; where there is none they are None,
    and *interval* says why. *value* is None if no sample was answered: failures that are scored as
    empty answers do not measure a model by themselves.
    """

    scorer: str
    normalizer: str
    value: float | None
    numerator: int
    denominator: int
    samples: int
    failures_scored_as_empty: int
    low: float | None
    high: float | None
    interval: str


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, over the answered samples. None: unknown, or nothing to tell.

    *wall* spans the whole run. Percentiles are nearest-rank. *audio* and *completion_tokens* are
    None as soon as one sample's is unknown: half a sum would be taken for a whole one.
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
    """Asked again: by the SDK, by us after a cut stream; and probes before the server was ready."""

    sdk: int
    streams: int
    readiness: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One run; with the manifest of this hash, enough to repeat it. Never holds a key.

    *complete*: every sample was answered. *started_at* is in UTC.
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
    results: str
    versions: dict[str, str]


def count(results: Sequence[Result], samples: int) -> Counts:
    """Count what became of the *samples* that were to be asked."""
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
    names = [f"{failure.type} {failure.status or ''}".strip() for failure in failures]
    return [
        Kind(name=name, failed=failed, example=failures[names.index(name)].message)
        for name, failed in Counter(names).most_common()
    ]


def pool(results: Sequence[Result], *, scorer: str, normalizer: str) -> Score:
    """Pool the tallies. A run without an answer, or without a scored unit, has no score: not 0."""
    scored = [result for result in results if result.tally is not None]
    pairs = [(r.tally.numerator, r.tally.denominator) for r in scored if r.tally is not None]
    numerator, denominator = sum(n for n, _ in pairs), sum(d for _, d in pairs)
    known = denominator > 0 and any(result.answer is not None for result in scored)
    low, high, interval = (
        _interval(scorer, pairs) if known else (None, None, "none: there is no score")
    )
    return Score(
        scorer=scorer,
        normalizer=normalizer,
        value=numerator / denominator if known else None,
        numerator=numerator,
        denominator=denominator,
        samples=len(scored),
        failures_scored_as_empty=sum(result.status == "failed" for result in scored),
        low=low,
        high=high,
        interval=interval,
    )


def _interval(
    scorer: str, pairs: Sequence[tuple[int, int]]
) -> tuple[float | None, float | None, str]:
    """Return the bounds of the 95 % interval and its name; None twice and why there is none."""
    if scorer == "exact":
        return *wilson(sum(n for n, _ in pairs), len(pairs)), "Wilson score"
    try:
        return *bootstrap(pairs), "percentile bootstrap, 1000 draws, seed 0"
    except NoInterval as reason:
        return None, None, f"none: {reason}"


def retries(results: Sequence[Result], readiness: int) -> Retries:
    """Add up what was asked again; *readiness* is the number of probes before the first sample."""
    return Retries(
        sdk=sum(result.retries for result in results),
        streams=sum(result.streams_reasked for result in results),
        readiness=readiness,
    )


def measure(results: Sequence[Result], wall: float) -> Speed:
    """Measure the answered samples against *wall* seconds."""
    answers = [(result, result.answer) for result in results if result.answer is not None]
    latencies = [result.latency for result, _ in answers]
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
        audio_per_second=audio / wall if audio is not None and wall else None,
        completion_tokens=None if tokens is None else int(tokens),
        tokens_per_second=tokens / wall if tokens is not None and wall else None,
    )


def _whole_sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def versions() -> dict[str, str]:
    """Return the releases that had a part in the number."""
    return {name: version(name) for name in PACKAGES}
