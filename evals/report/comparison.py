"""Compares two runs over the same samples: which is better, by how much, and by which samples."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from evals.failures import NotComparable
from evals.read import Run
from evals.report.pairs import LeftOut, Pair, Table, pair, tabulate
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
    denominator: float


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
    size: float
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
    table = tabulate(pairs)
    score = a.summary.score
    sign = -1 if score.scorer in ERROR_RATES else 1
    difference = _difference(table, score.scorer)
    samples = _count(pairs, left_out, [sign * each for each in table.differences])
    return Comparison(
        verdict=_verdict(difference, samples, better=sign * difference.value > 0),
        scorer=score.scorer,
        normalizer=score.normalizer,
        a=_side(a, table.a, table),
        b=_side(b, table.b, table),
        difference=difference,
        samples=samples,
        changes=_changes(pairs, table)[:changes],
        settings=_settings(a.summary, b.summary),
    )


def _refuse(a: Summary, b: Summary, *, anyway: bool) -> None:
    """Raise NotComparable if a difference of the scores could have another cause than the runs."""
    for name, of_a, of_b in (
        ("scorer", a.score.scorer, b.score.scorer),
        ("version of the scorer", a.score.scorer_sha256, b.score.scorer_sha256),
        ("normalizer", a.score.normalizer, b.score.normalizer),
    ):
        if of_a != of_b:
            raise NotComparable(f"another {name}: {of_a} in A, {of_b} in B")
    if a.manifest_sha256 != b.manifest_sha256 and not anyway:
        raise NotComparable(
            f"other data: {a.manifest} has another content in B, {b.manifest}; --anyway compares"
            " the samples with the same id and target"
        )


def _side(run: Run, numerators: Sequence[float], table: Table) -> Side:
    return Side(
        folder=str(run.folder.path),
        model=run.summary.model,
        score=sum(numerators) / sum(table.sizes),
        numerator=sum(numerators) / table.scale,
        denominator=sum(table.sizes) / table.scale,
    )


def _count(pairs: Sequence[Pair], left_out: LeftOut, gains: Sequence[float]) -> Counts:
    return Counts(
        pairs=len(pairs),
        left_out=left_out,
        improved=sum(gain > 0 for gain in gains),
        worsened=sum(gain < 0 for gain in gains),
        unchanged=gains.count(0),
        reworded=sum(not gain and each.reworded for each, gain in zip(pairs, gains, strict=True)),
    )


def _difference(table: Table, scorer: Scorer) -> Difference:
    low, high, interval = _interval(table)
    p_value, method = paired.p_value(table.differences)
    return Difference(
        value=sum(table.differences) / sum(table.sizes),
        low=low,
        high=high,
        interval=interval,
        p_value=p_value,
        test=f"{_test(table.differences, scorer)}, {method}",
    )


def _interval(table: Table) -> tuple[float | None, float | None, str]:
    """Return the bounds of the 95 % interval and its method; else None, None and the reason."""
    try:
        low, high = paired.interval(table.differences, table.sizes)
    except NoInterval as reason:
        return None, None, f"none: {reason}"
    return low, high, f"paired bootstrap, expanded percentiles, {paired.DRAWS} draws, seed 0"


def _test(differences: Sequence[float], scorer: Scorer) -> str:
    """Return the test's name: that of right and wrong is known under McNemar's."""
    right_or_wrong = scorer not in ERROR_RATES and set(differences) <= {-1, 0, 1}
    return "McNemar test" if right_or_wrong else "paired randomisation test"


def _verdict(difference: Difference, samples: Counts, *, better: bool) -> Verdict:
    if samples.unchanged == samples.pairs:
        return "same scores" if samples.reworded else "same answers"
    low, high = difference.low, difference.high
    holds_zero = low is not None and high is not None and low <= 0 <= high
    if difference.p_value >= paired.ALPHA or holds_zero:
        return "no difference shown"
    return "better" if better else "worse"


def _changes(pairs: Sequence[Pair], table: Table) -> list[Change]:
    """Return the samples whose score differs, the greatest difference first, then in order."""
    rows = zip(pairs, table.a, table.b, strict=True)
    changed = [(each, a, b) for each, a, b in rows if a != b]
    changed.sort(key=lambda row: -abs(row[2] - row[1]))
    return [
        Change(
            id=each.id,
            a=a / table.scale,
            b=b / table.scale,
            size=each.size,
            target=each.target,
            answers_a=[one.tally.answer for one in each.a],
            answers_b=[one.tally.answer for one in each.b],
        )
        for each, a, b in changed
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
            yield from ((f"{name}.{key}", each) for key, each in value.items() if key != "model")
        else:
            yield name, value
