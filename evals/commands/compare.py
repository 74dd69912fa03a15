"""`evals compare`: reads runs, compares each with the first, sets the exit status."""

from pathlib import Path

import click
import msgspec

from evals.failures import EvalsError
from evals.journal import encoded
from evals.read import read
from evals.report import comparison, comparison_text
from evals.score.paired import ALPHA

NAMES = "BCDEFGHIJKLMNOPQRSTUVWXYZ"
"""The names of the runs that are compared with A."""


class Comparisons(msgspec.Struct, frozen=True):
    """The file that `--json` writes: a comparison with A for each of the other runs."""

    comparisons: list[comparison.Comparison]


@click.command()
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "--anyway",
    is_flag=True,
    help="Compare runs over other data, by the samples whose id and target are the same.",
)
@click.option(
    "--changes",
    type=click.IntRange(0),
    default=comparison.CHANGES,
    help="How many of the samples that changed most are listed.",
)
@click.option(
    "--json", "file", type=click.Path(path_type=Path), help="A file to write, for programs."
)
@click.option("--fail-if-worse", is_flag=True, help="Exit with 1 if a run is worse than A.")
def compare(
    a: Path,
    b: tuple[Path, ...],
    *,
    anyway: bool,
    changes: int,
    file: Path | None,
    fail_if_worse: bool,
) -> None:
    """Compare runs over the same samples, each B with A: folders that `evals run` has made.

    Shows the difference of the scores with its 95 % interval and a p-value, whether it is more than
    chance, and the samples that changed most. Failed samples are counted, never compared.
    """
    if len(b) > len(NAMES):
        raise click.UsageError(f"at most {len(NAMES)} runs are compared with A")
    try:
        first = read(a)
        found = [
            comparison.compare(first, read(path), anyway=anyway, changes=changes) for path in b
        ]
    except EvalsError as error:
        raise click.ClickException(str(error)) from error
    for name, each in zip(NAMES, found, strict=False):
        comparison_text.show(each, b=name)
    if len(found) > 1:
        click.echo(
            f"\n{len(found)} comparisons: if no run differed, one or more would be shown to differ"
            f" by chance with a probability of up to {1 - (1 - ALPHA) ** len(found):.0%}."
        )
    if file:
        _write(file, found)
    if fail_if_worse and any(each.verdict == "worse" for each in found):
        raise click.exceptions.Exit(1)


def _write(file: Path, found: list[comparison.Comparison]) -> None:
    try:
        file.write_bytes(msgspec.json.format(encoded(Comparisons(found))) + b"\n")
    except OSError as error:
        raise click.FileError(str(file), error.strerror) from error
