"""Loads a data set from its source: a manifest, a table, a folder of clips, or the hub."""

import hashlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from evals.dataset import folder, hub, manifest, table
from evals.dataset.columns import Columns
from evals.dataset.record import AnySample, Record, to_sample
from evals.dataset.samples import Dataset
from evals.failures import ManifestError


class _Source(msgspec.Struct, frozen=True, kw_only=True):
    """An opened source. *form* describes a right one, at the end of a message."""

    path: Path
    name: str
    sha256: str
    records: Iterator[Record]
    folder: Path
    form: str = ""


def load(
    source: Path | str,
    *,
    limit: int | None = None,
    columns: Columns | None = None,
    check: Callable[[str], object] = str,
) -> Dataset:
    """Read all samples of *source*, or its first *limit*.

    *source* is a manifest, a table (`.csv`, `.tsv`), a folder of clips with transcripts, or
    `hf:NAME[:SPLIT]`. *columns* name those of a table. *check* is called with each target, and
    raises ValueError for one that cannot be scored. Raises ManifestError with the place of the
    fault, also for a clip that does not exist or an id that occurs twice: before anything is sent.
    """
    source = str(source)
    opened = _open(source, columns or Columns())
    samples: list[Any] = []
    seen: dict[str, str] = {}
    for record in islice(opened.records, limit):
        try:
            sample = to_sample(record, index=len(samples), folder=opened.folder)
            _refuse_conflict(sample, samples[:1], seen)
            check(sample.target)
        except ValueError as error:  # msgspec.ValidationError is one
            about_a_field = not isinstance(error, msgspec.ValidationError) or "`$" in str(error)
            hint = "" if about_a_field else opened.form
            raise ManifestError(f"{record.place}: {error}{hint}") from error
        seen[sample.id] = record.place
        samples.append(sample)
    if not samples:
        raise ManifestError(f"{source}: no samples{opened.form}")
    return Dataset(
        source=source if source.startswith(hub.PREFIX) else str(opened.path.absolute()),
        path=opened.path,
        name=opened.name,
        sha256=opened.sha256,
        limit=limit,
        samples=samples,
    )


def _open(source: str, columns: Columns) -> _Source:
    if source.startswith(hub.PREFIX):
        split = hub.open_split(source)
        return _Source(
            path=split.clips,
            name=split.name,
            sha256=split.sha256,
            records=hub.records(split, columns),
            folder=split.clips,
        )
    path = Path(source)
    if columns != Columns() and not table.is_table(path):
        raise ManifestError(f"{path}: --audio-column and --text-column are for tables")
    return _folder(path) if path.is_dir() else _file(path, columns)


def _folder(path: Path) -> _Source:
    pairs = folder.pairs(path)
    return _Source(
        path=path,
        name=path.resolve().name,
        sha256=folder.sha256(path, pairs),
        records=folder.records(path, pairs),
        folder=path,
    )


def _file(path: Path, columns: Columns) -> _Source:
    content = manifest.read(path)
    lines, form = manifest.records(path, content), manifest.FORM
    if table.is_table(path):
        lines, form = table.records(path, content, columns), ""
    return _Source(
        path=path,
        name=path.stem,
        sha256=hashlib.sha256(content).hexdigest(),
        records=lines,
        folder=path.parent,
        form=form,
    )


def _refuse_conflict(sample: AnySample, first: list[AnySample], seen: dict[str, str]) -> None:
    if sample.id in seen:
        message = f"{seen[sample.id]} already has the id {sample.id!r} - at `$.id`"
        raise msgspec.ValidationError(message)
    if first and type(first[0]) is not type(sample):
        # One run has one model, one score and one unit of speed.
        raise msgspec.ValidationError("Samples of two kinds in one data set - at `$`")
