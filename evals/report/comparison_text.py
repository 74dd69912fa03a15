"""Prints a comparison of two runs: scores, difference, verdict, and the samples that changed most.

Each line is printed whole, as in `evals.report.terminal`.
"""

from rich.markup import escape

from evals.failures import short
from evals.report.comparison import Change, Comparison, Counts, Difference, Side
from evals.report.pairs import LeftOut
from evals.report.terminal import console, label, missing, number, plain
from evals.score.scorers import Scorer

UNITS: dict[Scorer, str] = {"wer": "words", "cer": "characters"}
"""What error rates count."""
EMPTY = "(no text)"
"""Printed in place of an answer or a target without a character."""
SMALL_P = 0.0001
"""A smaller p-value is not printed in full."""


def show(comparison: Comparison, *, b: str = "B") -> None:
    """Print the comparison; the first run is called A, the other one *b*."""
    out = console()
    out.print()
    for heading, value in rows(comparison, b):
        out.print(f"[dim]{heading:<12}[/]{escape(plain(value))}", soft_wrap=True)
    out.print()
    out.print(plain(verdict(comparison, b)), style="bold", markup=False, soft_wrap=True)
    for line in changes(comparison, b):
        out.print(plain(line), markup=False, soft_wrap=True)


def rows(comparison: Comparison, b: str) -> list[tuple[str, str]]:
    """Return the lines above the verdict: pairs of a heading and a value."""
    samples, name = comparison.samples, label(comparison.scorer)
    lines = [
        ("A", comparison.a.folder),
        (b, comparison.b.folder),
        (f"{name} A", _score(comparison.a)),
        (f"{name} {b}", _score(comparison.b)),
        (f"{b} less A", _points(comparison.difference)),
        ("p-value", f"{_p_value(comparison.difference.p_value)}, {comparison.difference.test}"),
        ("samples", _counts(samples, b)),
    ]
    if left_out := _left_out(samples.left_out, b):
        lines.append(("left out", left_out))
    for setting, (of_a, of_b) in comparison.settings.items():
        lines.append(("setting", f"{setting}: {of_a} in A, {of_b} in {b}"))
    return lines


def verdict(comparison: Comparison, b: str) -> str:
    """Return the verdict as a sentence."""
    samples, name = comparison.samples, label(comparison.scorer)
    points = f"{abs(comparison.difference.value):.2%}".replace("%", " points")
    lower = "lower" if comparison.difference.value < 0 else "higher"
    match comparison.verdict:
        case "same answers":
            return f"Equal: all {samples.pairs} answers are the same."
        case "same scores":
            return (
                f"Equal scores: no sample's score differs; {samples.reworded} of {samples.pairs}"
                f" answers {'has' if samples.reworded == 1 else 'have'} other words."
            )
        case "no difference shown":
            return "No difference is shown: chance alone could make this one."
        case better_or_worse:
            return f"{b} is {better_or_worse}: its {name} is {points} {lower}."


def changes(comparison: Comparison, b: str) -> list[str]:
    """Return the lines on the samples that changed most."""
    listed = comparison.changes
    changed = comparison.samples.improved + comparison.samples.worsened
    if not listed:
        return []
    lines = ["", f"What changed most, {len(listed)} of {changed} samples:"]
    for change in listed:
        texts = [("target", change.target)]
        texts += [("A", text) for text in dict.fromkeys(change.answers_a)]
        texts += [(b, text) for text in dict.fromkeys(change.answers_b)]
        lines += ["", f"{change.id}: {_change(change, b, comparison.scorer)}"]
        lines += [f"  {whose:<8}{short(text) or EMPTY}" for whose, text in texts]
    return lines


def _change(change: Change, b: str, scorer: Scorer) -> str:
    if change.size == 1 and scorer not in UNITS:
        return f"{_share(change.a)} in A, {_share(change.b)} in {b}"
    if scorer in UNITS:
        size = f"{UNITS[scorer]} in the target: {number(change.size)}"
        return f"{number(change.a)} errors in A, {number(change.b)} in {b}; {size}"
    return f"{number(change.a)} in A, {number(change.b)} in {b}, of {number(change.size)}"


def _share(right: float) -> str:
    """Return how much of one sample is right, which may be a mean over repeats."""
    return {0.0: "wrong", 1.0: "right"}.get(right, f"{right:.0%} right")


def _score(side: Side) -> str:
    parts = f"{number(side.numerator)}/{number(side.denominator)}"
    return f"{side.score:.2%} ({parts}), model {side.model}"


def _points(difference: Difference) -> str:
    """Return the difference and its interval in percentage points."""
    shown = f"{100 * difference.value:+.2f} points"
    if difference.low is None or difference.high is None:
        return f"{shown}, {missing(difference.interval)}"
    return f"{shown}, 95 % {100 * difference.low:+.2f} to {100 * difference.high:+.2f}"


def _p_value(value: float) -> str:
    return f"less than {SMALL_P}" if value < SMALL_P else f"{value:.3g}"


def _counts(samples: Counts, b: str) -> str:
    changed = f"{samples.improved} better in {b}, {samples.worsened} worse"
    return f"{samples.pairs} compared: {changed}, {samples.unchanged} the same"


def _left_out(left_out: LeftOut, b: str) -> str:
    """Return the numbers of samples that were not compared, with the reasons."""
    reasons = (
        (left_out.failed_a, "failed in A"),
        (left_out.failed_b, f"failed in {b}"),
        (left_out.failed_both, "failed in both"),
        (left_out.missing_a, "not in A"),
        (left_out.missing_b, f"not in {b}"),
        (left_out.other_target, "with another target"),
    )
    return ", ".join(f"{samples} {reason}" for samples, reason in reasons if samples)
