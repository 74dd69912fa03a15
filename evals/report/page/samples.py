"""The table of samples: a row for each sample, with a cell for each run.

Samples of several runs share a row if they have the same id and repeat, and the runs the same data.
"""

from collections.abc import Sequence

import msgspec

from evals.read import Run
from evals.report.page.alignment import Piece, align
from evals.report.page.clips import KIND, Clips
from evals.report.terminal import number
from evals.result import Loglikelihood, Result, Tally
from evals.score.scorers import ERROR_RATES

Key = tuple[str, str, int]
"""The SHA-256 of the data, the sample's id, and its repeat."""


class Cell(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One run's answer to a sample, or its failure.

    *score* is the sample's own numerator / denominator, shown as *fraction*; None: not scored, or
    nothing to divide by. *latency* is in seconds, None: unknown. *pieces* are there for error
    rates; for other scores *compared* has target and answer as they were compared, if they differ
    from what was sent. *notes* are facts that a reader must know, as that the answer was cut at the
    token limit.
    """

    status: str
    latency: float | None
    score: float | None = None
    fraction: str | None = None
    answer: str | None = None
    pieces: list[Piece] | None = None
    compared: tuple[str, str] | None = None
    loglikelihoods: list[Loglikelihood] | None = None
    error: str | None = None
    notes: list[str] = []


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One sample. *cells* has a cell for each run, None where the run did not send the sample.

    *clip* is the path of the recording, *embedded* the number of its element in the page, *linked*
    its address relative to the page.
    """

    id: str
    target: str
    cells: list[Cell | None]
    repeat: int = 0
    question: str | None = None
    clip: str | None = None
    seconds: float | None = None
    embedded: int | None = None
    linked: str | None = None


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """What `report.js` and `sample.js` read: the names of the runs, and the rows.

    *errors* is whether the scores are error rates, of which the lower is the better; *separator*
    is between two pieces of an alignment, *audio_kind* the media type of embedded recordings.
    """

    names: list[str]
    errors: bool
    separator: str
    audio_kind: str
    rows: list[Row]


def table(runs: Sequence[Run], names: list[str], clips: Clips) -> Table:
    """Return the table of all samples."""
    scorers = {run.summary.score.scorer for run in runs}
    return Table(
        names=names,
        errors=scorers <= ERROR_RATES,
        separator="" if "cer" in scorers else " ",
        audio_kind=KIND,
        rows=rows(runs, clips),
    )


def key(run: Run, result: Result) -> Key:
    """Return what identifies a sample among several runs."""
    return run.summary.manifest_sha256, result.id, result.repeat


def rows(runs: Sequence[Run], clips: Clips) -> list[Row]:
    """Return a row for each sample, in the order of the data."""
    found: dict[Key, list[Result | None]] = {}
    for column, run in enumerate(runs):
        for result in run.results:
            found.setdefault(key(run, result), [None] * len(runs))[column] = result
    numbers = {path: position for position, path in enumerate(clips.embedded)}
    return [_row(runs, results, clips, numbers) for results in found.values()]


def _row(
    runs: Sequence[Run],
    results: Sequence[Result | None],
    clips: Clips,
    numbers: dict[str, int],
) -> Row:
    first = next(result for result in results if result is not None)
    return Row(
        id=first.id,
        repeat=first.repeat,
        target=first.target,
        question=first.question,
        clip=first.audio,
        seconds=first.audio_seconds,
        embedded=numbers.get(first.audio or ""),
        linked=clips.linked.get(first.audio or ""),
        cells=[
            None if result is None else cell(run, result)
            for run, result in zip(runs, results, strict=True)
        ],
    )


def cell(run: Run, result: Result) -> Cell:
    """Return what *run* made of a sample."""
    tally, answer = result.tally, result.answer
    scorer = run.summary.score.scorer
    aligned = tally is not None and scorer in ERROR_RATES
    return Cell(
        status=result.status,
        latency=result.latency,
        score=_score(tally),
        fraction=fraction(tally) if tally else None,
        answer=answer.text if answer else None,
        pieces=align(scorer, tally) if tally and aligned else None,
        compared=None if aligned else _compared(result),
        loglikelihoods=answer.loglikelihoods if answer else None,
        error=failure(result),
        notes=notes(result),
    )


def fraction(tally: Tally) -> str:
    """Return a sample's part of the score as numerator/denominator."""
    return f"{number(tally.numerator)}/{number(tally.denominator)}"


def _compared(result: Result) -> tuple[str, str] | None:
    if result.tally is None or result.answer is None:
        return None
    found = (result.tally.target, result.tally.answer)
    return None if found == (result.target.strip(), result.answer.text.strip()) else found


def _score(tally: Tally | None) -> float | None:
    if tally is None or (tally.numerator and not tally.denominator):
        return None
    return tally.numerator / (tally.denominator or 1)


def failure(result: Result) -> str | None:
    """Return the type, the status and the message of a failed sample's error."""
    return None if result.error is None else f"{result.error.kind}: {result.error.message}"


def notes(result: Result) -> list[str]:
    """Return the facts on a sample that its score does not show."""
    found = []
    if result.error is not None and result.tally is not None:
        found.append("scored as an empty answer")
    if result.answer is not None and result.answer.finish_reason == "length":
        found.append("cut at the token limit")
    if again := result.retries + result.streams_reasked + result.resent:
        found.append(f"sent again: {again}")
    return found


def badness(run: Run, result: Result) -> float:
    """Return how bad a sample's score is: 0 is perfect, and -1 is a sample that is not scored."""
    if result.tally is None:
        return -1
    wrong = result.tally.numerator / (result.tally.denominator or 1)
    return wrong if run.summary.score.scorer in ERROR_RATES else 1 - wrong


def worst_first(runs: Sequence[Run]) -> list[tuple[Run, Result]]:
    """Return all results with their runs, those with the worst scores first."""
    found = [(run, result) for run in runs for result in run.results]
    return sorted(found, key=lambda pair: -badness(*pair))
