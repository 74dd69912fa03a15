"""`evals cancel`: ends the batches of runs at the server, which computes on when `evals` ends."""

import asyncio
from pathlib import Path

import click
from openai import AsyncOpenAI

from evals.ask.client import connect
from evals.batch.parts import Parts
from evals.batch.server import Server
from evals.commands.options import key_flags, key_of
from evals.commands.resume import within
from evals.folder import Folder
from evals.recovery import Recovery
from evals.specification import Specification, read


@click.command(short_help="End the batches of runs.")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@key_flags
def cancel(folders: tuple[Path, ...], *, api_key: str | None, api_key_file: Path | None) -> None:
    """End the batches of the runs in FOLDERS at the server.

    `evals resume` then scores what was answered before; the other samples have failed, and are sent
    when it is called again.
    """
    key = key_of(api_key, api_key_file)
    for folder in [folder for given in folders for folder in within(given)]:
        known = read(folder)
        client = connect(base_url=known.base_url, api_key=key, timeout=known.timeout)
        ended = asyncio.run(_cancel(client, known, folder))
        click.echo(f"{folder.path}: batches cancelled: {ended}")


async def _cancel(client: AsyncOpenAI, known: Specification, folder: Folder) -> int:
    """Cancel the batches of the run in *folder*; return how many had not ended."""
    recovery = Recovery(client, seconds=known.wait, say=click.echo)
    server = Server(client, recovery, say=click.echo)
    async with client:
        return sum([await server.cancel(part) for part in Parts(folder.batches).load()])
