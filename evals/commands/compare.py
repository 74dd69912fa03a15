"""`evals compare`: reads runs, compares each with the first, sets the exit status."""

from pathlib import Path
from string import ascii_uppercase

import click
import msgspec

from evals.files import write_json
from evals.read import read
from evals.report import comparison, comparison_text
from evals.score.paired import ALPHA


class Comparisons(msgspec.Struct, frozen=True):
    """The file that `--json` writes: a comparison with A for each of the other runs."""

    comparisons: list[comparison.Comparison]


@click.command(short_help="Compare runs over the same samples.")
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
    if len(b) >= len(ascii_uppercase):
        raise click.UsageError(f"at most {len(ascii_uppercase) - 1} runs are compared with A")
    first = read(a)
    found = [comparison.compare(first, read(path), anyway=anyway, changes=changes) for path in b]
    for name, each in zip(ascii_uppercase[1:], found, strict=False):
        comparison_text.show(each, b=name)
    if len(found) > 1:
        click.echo(
            f"\n{len(found)} comparisons: if no run differed, one or more would be shown to differ"
            f" by chance with a probability of up to {1 - (1 - ALPHA) ** len(found):.0%}."
        )
    if file:
        write_json(file, Comparisons(found))
    if fail_if_worse and any(each.verdict == "worse" for each in found):
        raise click.exceptions.Exit(1)
