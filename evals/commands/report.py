"""`evals report`: reads the folders of runs and writes a page of them."""

from pathlib import Path
from string import ascii_uppercase
from typing import get_args

import click

from evals.read import read
from evals.report import page
from evals.report.page.clips import BUDGET, Audio

MIB = 1024 * 1024


@click.command()
@click.argument(
    "runs", metavar="RUN [RUN]...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The HTML file; the Markdown gets its name with .md.  [default: report.html in the run's"
    " folder, or beside the folder of the first of several runs]",
)
@click.option(
    "--audio",
    type=click.Choice(get_args(Audio)),
    default="embed",
    help="Recordings: in the page as far as they fit, links to the files, or left out.",
)
@click.option(
    "--audio-limit",
    type=click.FloatRange(min=0),
    default=BUDGET / MIB,
    help="Most MiB of recordings in the page, those of the worst samples first.",
)
def report(runs: tuple[Path, ...], out: Path | None, audio: Audio, audio_limit: float) -> None:
    """Write a page of one run, or of several side by side.

    RUN is the folder of a run. The page is one HTML file that loads nothing, and the same as
    Markdown. An older page is replaced.
    """
    if len(runs) > len(ascii_uppercase):
        raise click.UsageError(f"a page has at most {len(ascii_uppercase)} runs")
    found = [read(run) for run in runs]
    if out is None:
        first = found[0].folder
        out = first.page if len(found) == 1 else first.path.resolve().parent / first.page.name
    page.write(found, out, audio=audio, budget=int(audio_limit * MIB))
    click.echo(f"{out}\n{out.with_suffix('.md')}")
