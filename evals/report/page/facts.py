"""States of each run what a reader needs beside its score: edits, server, data, versions."""

from collections.abc import Sequence
from string import ascii_uppercase

import msgspec

from evals.failures import NotComparable
from evals.read import Run
from evals.report import comparison, comparison_text, terminal
from evals.report.summary import Summary


def names(runs: Sequence[Run]) -> list[str]:
    """Return a name for each run: "A", "B" and so on."""
    return list(ascii_uppercase[: len(runs)])


def title(runs: Sequence[Run]) -> str:
    """Return the tasks and the models, each once."""
    tasks = ", ".join(dict.fromkeys(run.summary.task for run in runs))
    return f"{tasks}: {', '.join(dict.fromkeys(run.summary.model for run in runs))}"


def table(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """Return the lines of the table of facts: a heading, and a value for each run."""
    columns = [_facts(run) for run in runs]
    headings = dict.fromkeys(heading for column in columns for heading in column)
    return [
        (heading, [column.get(heading, terminal.UNKNOWN) for column in columns])
        for heading in headings
    ]


def _facts(run: Run) -> dict[str, str]:
    summary = run.summary
    facts = dict(terminal.rows(summary))
    empty = summary.score.failures_scored_as_empty
    if empty:
        facts["score"] += f"; failed samples scored as empty answers: {empty}"
    return facts | _origin(summary) | {"folder": str(run.folder.path)}


def _origin(summary: Summary) -> dict[str, str]:
    options = ", ".join(f"{name} {value}" for name, value in _options(summary.options).items())
    versions = ", ".join(f"{name} {version}" for name, version in summary.versions.items())
    return {
        "scorer": f"{summary.score.scorer}, texts normalised by: {summary.score.normalizer}",
        "data": summary.manifest,
        "SHA-256 of the data": summary.manifest_sha256,
        "started": summary.started_at,
        "server": summary.base_url,
        "models in the answers": ", ".join(summary.models_answering) or terminal.UNKNOWN,
        "options": options,
        "versions": versions,
    }


def _options(options: dict[str, object]) -> dict[str, object]:
    """Return the options that have a value, those of the task among them."""
    flat: dict[str, object] = {}
    for name, value in options.items():
        if isinstance(value, dict):
            flat |= _options(value)
        elif value not in (None, "", []) and value is not False:
            flat[name] = value
    return flat


def remarks(runs: Sequence[Run]) -> list[str]:
    """Return what a reader must not overlook of each run, its name before it if there are more."""
    found = []
    for name, run in zip(names(runs), runs, strict=True):
        before = f"{name}: " if len(runs) > 1 else ""
        # Indented lines are of the kinds of failures, which have a table of their own.
        lines = terminal.remarks(run.summary, by="model")
        found += [before + line for line in lines if not line.startswith(" ")]
    return found


class Compared(msgspec.Struct, frozen=True):
    """What `evals compare` says of a run and the first one: a sentence, and lines below it."""

    verdict: str
    rows: list[tuple[str, str]]


def comparisons(runs: Sequence[Run]) -> list[Compared]:
    """Return each further run's comparison with the first one, or the reason that there is none."""
    first, *others = zip(names(runs), runs, strict=True)
    return [_compared(first[1], run, name) for name, run in others]


def _compared(a: Run, b: Run, name: str) -> Compared:
    try:
        found = comparison.compare(a, b)
    except NotComparable as reason:
        return Compared(f"{name} cannot be compared with A: {reason}.", [])
    return Compared(comparison_text.verdict(found, name), comparison_text.rows(found, name))
