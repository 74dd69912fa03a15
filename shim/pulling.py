"""Pulls models on the command line, and shows how far it is."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from backends.catalogue.cache import Cache
from backends.catalogue.entries import Entry, catalogue
from backends.catalogue.failures import PullFailed
from backends.catalogue.pull import is_whole, pull

_MEGA = 1e6


class _Size(DownloadColumn):
    """The bytes of a download; empty for a step of another kind."""

    def render(self, task: Task) -> Text:
        """Return the column of *task*."""
        return Text() if task.total is None else super().render(task)


class _Shown:
    """The progress of a pull, on stderr: a bar on a terminal, else a line for each step."""

    def __init__(self, console: Console, bar: Progress) -> None:
        self._console = console
        self._bar = bar
        self._task: TaskID | None = None

    def remark(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def begin(self, what: str, size: int | None = None) -> None:
        self.end()
        if self._console.is_terminal:
            self._task = self._bar.add_task(what, total=size)
        else:
            self.remark(f"{what}, {_megabytes(size)}" if size else what)

    def advance(self, count: int) -> None:
        if self._task is not None:
            self._bar.advance(self._task, count)

    def end(self) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = None


@contextmanager
def _shown() -> Iterator[_Shown]:
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        _Size(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console, transient=True)
    # Older versions of Rich end a bar that is not drawn by an empty line.
    with bar if console.is_terminal else nullcontext():
        yield _Shown(console, bar)


def pull_missing(entries: Sequence[Entry], cache: Cache) -> None:
    """Pull those of *entries* that are not whole in the *cache*.

    All are tried; then raises PullFailed with a line for each that failed.
    """
    failures = []
    with _shown() as progress:
        for entry in entries:
            try:
                if not is_whole(cache, entry):
                    pull(entry, cache, progress)
            except PullFailed as failure:
                failures.append(str(failure))
            finally:
                progress.end()
    if failures:
        raise PullFailed("\n".join(failures))


def show_pulled(entries: Sequence[Entry], cache: Cache) -> None:
    """Print the size, licence and source of each of *entries* that is pulled, and its place."""
    for entry in entries:
        if record := cache.record(entry):
            files = [file for file in cache.path(entry).rglob("*") if file.is_file()]
            size = _megabytes(sum(file.stat().st_size for file in files))
            click.echo(f"{entry.name}: {size}, licence {record.licence}, from {record.source}")
            click.echo(f"  {cache.path(entry)}")


def show_catalogue(cache: Cache) -> None:
    """Print a table of what can be pulled."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
    for column in ("name", "fetches", "here", "licence"):
        table.add_column(column, no_wrap=True)
    table.add_column("what")
    for entry in catalogue().entries:
        here = "yes" if is_whole(cache, entry) else "part" if cache.record(entry) else "no"
        size = _megabytes(entry.package_bytes)
        table.add_row(entry.name, size, here, entry.licence, entry.summary)
    Console().print(table)
    for group, names in catalogue().groups.items():
        click.echo(f"\n{group} = {' '.join(names)}")
    click.echo(f"The cache is {cache.folder}")


def _megabytes(size: float) -> str:
    return f"{size / _MEGA:,.0f} MB"
