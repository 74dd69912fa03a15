"""Prints summaries, a block of lines each.

Each line is printed whole, however long a name or a message is: a terminal folds it, a pipe keeps
it. All but names and messages fits in 80 columns.
"""

import sys
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from evals.failures import short
from evals.folder import Folder
from evals.report.spread import Spread
from evals.report.summary import Score, Speed, Summary
from evals.score.scorers import Scorer, is_own

UNKNOWN = "-"
BY_BATCH = "unknown, as are the latencies: sent by batch"
By = Literal["task", "model"]
"""What distinguishes several summaries."""
LABELS: dict[Scorer, str] = {"wer": "WER", "cer": "CER"}
"""The names of the scores that are not an accuracy."""
PIPE_WIDTH = 120
"""Columns of the output to a pipe: in Rich's 80 a table's names would be cut."""


def console(*, stderr: bool = False) -> Console:
    """Return a console for stdout or stderr: as wide as the terminal, or PIPE_WIDTH in a pipe."""
    piped = not (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, width=PIPE_WIDTH if piped else None, highlight=False)


def rows(summary: Summary) -> list[tuple[str, str]]:
    """Return the lines of *summary*: pairs of a heading and a value."""
    counts, speed = summary.counts, summary.speed
    lines = [
        ("task", summary.task),
        ("model", summary.model),
        ("score", score(summary.score) + edits(summary.score)),
        ("95 %", interval(summary.score)),
        *([] if summary.spread is None else [("repeats", repeats(summary.spread))]),
        ("samples", f"{counts.samples}, {counts.failed} failed, {counts.unasked} not asked"),
        *([("speed", BY_BATCH)] if by_batch(summary) else _speed(speed)),
    ]
    if speed.first_token_p50 is not None:
        first = f"p50 {seconds(speed.first_token_p50)}, p95 {seconds(speed.first_token_p95)}"
        lines.append(("first token", first))
    return lines


def by_batch(summary: Summary) -> bool:
    """Return whether the samples were sent in batches, so that only the server had their times."""
    return summary.options.get("via") == "batch"


def _speed(speed: Speed) -> list[tuple[str, str]]:
    latency = f"p50 {seconds(speed.p50)}, p95 {seconds(speed.p95)}"
    return [("speed", rate(speed)), ("latency", latency)]


def label(scorer: Scorer) -> str:
    """Return the name of the score that *scorer* gives."""
    return LABELS.get(scorer, "score" if is_own(scorer) else "accuracy")


def score(score: Score) -> str:
    """Return the score in percent and as a fraction, or that there is none."""
    name = label(score.scorer)
    if score.value is None:
        return f"no {name}"
    return f"{name} {score.value:.2%} ({number(score.numerator)}/{number(score.denominator)})"


def edits(score: Score) -> str:
    """Return how many errors of an error rate are of each kind, or nothing for another score."""
    if score.substitutions is None:
        return ""
    return f": {score.substitutions} sub, {score.deletions} del, {score.insertions} ins"


def number(value: float) -> str:
    """Return *value* as a whole number, or with two decimals."""
    return f"{value:.0f}" if value == int(value) else f"{value:.2f}"


def interval(score: Score) -> str:
    """Return the score's 95 % interval, or the reason that it is missing."""
    if score.low is None or score.high is None:
        return missing(score.interval)
    return f"{score.low:.1%} to {score.high:.1%}"


def missing(interval: str) -> str:
    """Return *interval*, the reason that there is none, as it is shown."""
    return interval.replace("none:", "no interval:")


def repeats(spread: Spread) -> str:
    """Return the number of repeats, and how much their scores differ."""
    scores = [score for score in spread.scores if score is not None]
    if spread.mean is None or spread.deviation is None:
        return f"{len(spread.scores)}"
    return (
        f"{len(spread.scores)}: {min(scores):.2%} to {max(scores):.2%}, mean {spread.mean:.2%},"
        f" deviation {spread.deviation:.2%}"
    )


def rate(speed: Speed) -> str:
    """Return the seconds of audio, or the completion tokens, per second of wall time."""
    if speed.audio_per_second is not None:
        return f"{speed.audio_per_second:.1f} s audio/s"
    if speed.tokens_per_second is not None:
        return f"{speed.tokens_per_second:.1f} tokens/s"
    return UNKNOWN


def seconds(value: float | None) -> str:
    """Return a duration with its unit: in whole ms below 1 s, else in seconds."""
    if value is None:
        return UNKNOWN
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def remarks(summary: Summary, *, by: By = "task") -> list[str]:
    """Return the facts that a reader of the score must not overlook, a sentence each.

    Each begins with the name of the task or the model, as *by* says.
    """
    counts, lines = summary.counts, []
    name = getattr(summary, by)
    if counts.failed:
        empty = summary.score.failures_scored_as_empty
        fate = "scored as empty answers" if empty else "not scored"
        lines.append(f"{name}: {counts.failed} of {counts.samples} failed, {fate}")
        lines += [f"  {kind.failed} {kind.name}: {short(kind.example)}" for kind in counts.kinds]
    if summary.ended != "finished":
        how = "stopped by a failure" if summary.ended == "stopped" else "interrupted"
        lines.append(f"{name}: {how}; {counts.unasked} samples were not asked")
    if counts.truncated:
        lines.append(f"{name}: {counts.truncated} answers were cut at the token limit")
    if summary.spread is not None and summary.spread.equal:
        cause = " at temperature 0" if _temperature(summary) == 0 else ""
        repeats = len(summary.spread.scores)
        lines.append(
            f"{name}: the {repeats} answers to each sample are equal: repeats add nothing{cause}"
        )
    if by_batch(summary) and summary.retries.sdk:
        lines.append(f"{name}: {summary.retries.sdk} requests were sent again in a further batch")
    elif summary.retries.sdk or summary.retries.streams:
        lines.append(
            f"{name}: {summary.retries.sdk} requests and {summary.retries.streams} cut streams"
            " were sent again"
        )
    if summary.retries.resent:
        lines.append(
            f"{name}: the server was gone meanwhile; {summary.retries.resent} samples were sent"
            " again when it was back"
        )
    if summary.retries.readiness:
        lines.append(
            f"{name}: the server was ready after {summary.retries.readiness} failed probes"
        )
    return lines


def _temperature(summary: Summary) -> float | None:
    found: float | None = summary.options["task"]["temperature"]
    return found


def plain(text: str) -> str:
    """Return *text* without unprintable characters and those that stdout's encoding lacks."""
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    encoding = sys.stdout.encoding or "utf-8"
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def plain_lines(text: str) -> str:
    """Return *text* with each of its lines as by `plain`."""
    return "\n".join(map(plain, text.splitlines()))


def status(text: str) -> Status:
    """Return what shows *text* on stderr while its block runs; in a pipe it shows nothing."""
    return console(stderr=True).status(escape(plain(text)))


def show(summaries: list[Summary]) -> None:
    """Print the summaries, the paths of their files, and the remarks."""
    out = console()
    for summary in summaries:
        out.print()
        for heading, value in rows(summary):
            style = "bold" if heading == "score" else "default"
            line = f"[dim]{heading:<12}[/][{style}]{escape(plain(value))}[/]"
            out.print(line, soft_wrap=True)
        files = Folder(Path(summary.results).parent)
        pages = ["page"] if files.page.exists() else []
        for place in ("summary", "results", *pages):
            show_place(place, getattr(files, place))
        for remark in remarks(summary):
            out.print(plain(remark), markup=False, soft_wrap=True)


def show_place(heading: str, path: Path) -> None:
    """Print the line of a file."""
    console().print(f"[dim]{heading:<12}[/]{escape(plain(str(path)))}", soft_wrap=True)
