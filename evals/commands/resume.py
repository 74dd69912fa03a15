"""`evals resume`: goes on with runs that were interrupted or killed, by their folders alone."""

from pathlib import Path

import click

from evals.ask.client import connect
from evals.commands.execution import Part, execute
from evals.commands.options import key_flags, key_of, report_flag
from evals.dataset import load
from evals.failures import NotARun
from evals.folder import Folder
from evals.specification import read, refuse_other, specify


@click.command(short_help="Go on with runs that ended early.")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@key_flags
@report_flag
def resume(
    folders: tuple[Path, ...], *, api_key: str | None, api_key_file: Path | None, report: bool
) -> None:
    """Go on with the runs in FOLDERS: send the samples that have no answer, with the same options.

    A folder may be that of several models. Samples that failed are sent again. Exits as `evals run`
    does.
    """
    key = key_of(api_key, api_key_file)
    parts = [part(folder, key) for given in folders for folder in within(given)]
    execute(parts, report=report, together=folders[0] if len(folders) == 1 else None)


def within(path: Path) -> list[Folder]:
    """Return the run's folder *path*, or those of the runs in it. Raises NotARun without any."""
    candidates = (
        [Folder(path)]
        if Folder(path).run.exists()
        else [Folder(one) for one in sorted(path.glob("*/"))]
    )
    found = [folder for folder in candidates if folder.run.exists()]
    if not found:
        raise NotARun(f"{path} is not the folder of a run: it has no run.json")
    return found


def part(folder: Folder, key: str | None) -> Part:
    """Return what is left of the run in *folder*. Raises OtherRun if its data have changed."""
    known = read(folder)
    dataset = load(known.source, limit=known.limit, columns=known.columns)
    client = connect(
        base_url=known.base_url,
        api_key=key,
        timeout=known.timeout,
        max_retries=known.max_retries,
    )
    wanted = specify(client, dataset, known.plan, columns=known.columns, wait=known.wait)
    refuse_other(folder, known, wanted)
    return Part(
        specification=wanted, dataset=dataset, client=client, out=folder.path.parent, folder=folder
    )
