"""Compares two runs over the same samples: which is better, by how much, and by which samples."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from evals.failures import NotComparable
from evals.read import Run
from evals.report.pairs import LeftOut, Pair, Scored, mean, pair
from evals.report.summary import Summary
from evals.score import paired
from evals.score.intervals import NoInterval
from evals.score.scorers import ERROR_RATES, Scorer

CHANGES = 10
"""Most samples that are listed, of those that changed most."""

Verdict = Literal["better", "worse", "no difference shown", "same scores", "same answers"]
"""What the comparison shows of run B.

Better or worse: its p-value is less than 0.05, and the interval, if there is one, does not hold 0.
Same scores: no sample's score differs. Same answers: nor does any text.
"""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two runs. *score* = *numerator* / *denominator*, of the pairs alone.

    Of a sample that was sent repeatedly the numerator is the mean.
    """

    folder: str
    model: str
    score: float
    numerator: float
    denominator: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """*value* is B's score less A's, *low* and *high* are the bounds of its 95 % interval.

    *interval* names the method; without an interval it has the reason, and the bounds are None.
    *p_value* is that of *test*, two-sided.
    """

    value: float
    low: float | None
    high: float | None
    interval: str
    p_value: float
    test: str


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of samples; *pairs* = *improved* + *worsened* + *unchanged*, as seen from B.

    *reworded* counts those of the unchanged that have another text.
    """

    pairs: int
    left_out: LeftOut
    improved: int
    worsened: int
    unchanged: int
    reworded: int


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A sample whose score differs: *a* and *b* are its mean numerators, *size* its denominator.

    The texts are those that were compared, after the normalizer, one for each time it was sent.
    """

    id: str
    a: float
    b: float
    size: int
    target: str
    answers_a: list[str]
    answers_b: list[str]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Run B against run A, over the samples that both answered.

    *settings* has what differs between the runs beside the answers: the values in A and in B.
    """

    verdict: Verdict
    scorer: Scorer
    normalizer: str
    a: Side
    b: Side
    difference: Difference
    samples: Counts
    changes: list[Change]
    settings: dict[str, tuple[Any, Any]]


def compare(a: Run, b: Run, *, anyway: bool = False, changes: int = CHANGES) -> Comparison:
    """Return the comparison, with at most *changes* of the samples that changed most.

    Raises NotComparable for another scorer or normalizer, for other data unless *anyway*, and if
    the runs have no scored sample in common.
    """
    _refuse(a.summary, b.summary, anyway=anyway)
    pairs, left_out = pair(a.results, b.results)
    if not any(each.size for each in pairs):
        raise NotComparable(f"{a.folder.path} and {b.folder.path} share no scored sample")
    score = a.summary.score
    gains = [-each.difference if score.scorer in ERROR_RATES else each.difference for each in pairs]
    difference = _difference(pairs)
    samples = Counts(
        pairs=len(pairs),
        left_out=left_out,
        improved=sum(gain > 0 for gain in gains),
        worsened=sum(gain < 0 for gain in gains),
        unchanged=sum(gain == 0 for gain in gains),
        reworded=sum(each.difference == 0 and each.reworded for each in pairs),
    )
    return Comparison(
        verdict=_verdict(difference, samples, better=sum(gains) > 0),
        scorer=score.scorer,
        normalizer=score.normalizer,
        a=_side(a, [each.a for each in pairs]),
        b=_side(b, [each.b for each in pairs]),
        difference=difference,
        samples=samples,
        changes=_changes(pairs)[:changes],
        settings=_settings(a.summary, b.summary),
    )


def _refuse(a: Summary, b: Summary, *, anyway: bool) -> None:
    """Raise NotComparable if a difference of the scores could have another cause than the runs."""
    for name, of_a, of_b in (
        ("scorer", a.score.scorer, b.score.scorer),
        ("normalizer", a.score.normalizer, b.score.normalizer),
    ):
        if of_a != of_b:
            raise NotComparable(f"another {name}: {of_a} in A, {of_b} in B")
    if a.manifest_sha256 != b.manifest_sha256 and not anyway:
        raise NotComparable(
            f"other data: {a.manifest} has another content in B, {b.manifest}; --anyway compares"
            " the samples with the same id and target"
        )


def _side(run: Run, answers: Sequence[Sequence[Scored]]) -> Side:
    numerator = sum(mean(each) for each in answers)
    denominator = sum(each[0].tally.denominator for each in answers)
    return Side(
        folder=str(run.folder.path),
        model=run.summary.model,
        score=float(numerator / denominator),
        numerator=float(numerator),
        denominator=denominator,
    )


def _difference(pairs: Sequence[Pair]) -> Difference:
    differences, sizes = [each.difference for each in pairs], [each.size for each in pairs]
    # The test needs whole numbers; means over repeats are fractions.
    scale = math.lcm(*(each.denominator for each in differences))
    low, high, interval = _interval([float(each) for each in differences], sizes)
    return Difference(
        value=float(sum(differences) / sum(sizes)),
        low=low,
        high=high,
        interval=interval,
        p_value=paired.p_value([int(each * scale) for each in differences]),
        test=_test(pairs),
    )


def _interval(
    differences: Sequence[float], sizes: Sequence[int]
) -> tuple[float | None, float | None, str]:
    """Return the bounds of the 95 % interval and its method; else None, None and the reason."""
    try:
        return *paired.interval(differences, sizes), "paired bootstrap, 1000 draws, seed 0"
    except NoInterval as reason:
        return None, None, f"none: {reason}"


def _test(pairs: Sequence[Pair]) -> str:
    """Return the test's name: of right and wrong, sent once, it is known under McNemar's."""
    right_or_wrong = all(each.size == len(each.a) == len(each.b) == 1 for each in pairs)
    return "exact McNemar test" if right_or_wrong else "exact paired randomisation test"


def _verdict(difference: Difference, samples: Counts, *, better: bool) -> Verdict:
    if samples.unchanged == samples.pairs:
        return "same scores" if samples.reworded else "same answers"
    low, high = difference.low, difference.high
    holds_zero = low is not None and high is not None and low <= 0 <= high
    if difference.p_value >= paired.ALPHA or holds_zero:
        return "no difference shown"
    return "better" if better else "worse"


def _changes(pairs: Sequence[Pair]) -> list[Change]:
    """Return the samples whose score differs, the greatest difference first, then in order."""
    return [
        Change(
            id=each.id,
            a=float(mean(each.a)),
            b=float(mean(each.b)),
            size=each.size,
            target=each.target,
            answers_a=[one.tally.answer for one in each.a],
            answers_b=[one.tally.answer for one in each.b],
        )
        for each in sorted(pairs, key=lambda each: -abs(each.difference))
        if each.difference
    ]


def _settings(a: Summary, b: Summary) -> dict[str, tuple[Any, Any]]:
    """Return the settings that differ, each with its values in A and B; None: it has no such."""
    of_a, of_b = dict(_flat(a)), dict(_flat(b))
    return {
        name: (of_a.get(name), of_b.get(name))
        for name in {**of_a, **of_b}
        if of_a.get(name) != of_b.get(name)
    }


def _flat(summary: Summary) -> Iterator[tuple[str, Any]]:
    """Yield the settings of a run by names such as `task.temperature`."""
    yield "base_url", summary.base_url
    yield "data", summary.manifest_sha256
    parts = {**summary.options, "versions": summary.versions}
    for name, value in parts.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", each) for key, each in value.items())
        else:
            yield name, value
