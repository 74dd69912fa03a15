"""`evals verify`: proves that a running server does not change the results of its models."""

import asyncio
from pathlib import Path
from typing import Any, get_args

import click
from rich.markup import escape

from evals.address import public
from evals.ask.client import await_ready, connect
from evals.commands.options import INTERRUPTED, key_of, server_flags
from evals.files import write_json
from evals.report.terminal import plain, status
from evals.signals import cancel_on_sigterm
from evals.verify import page
from evals.verify.proof import CHECKS, Proof, prove
from evals.verify.terminal import show
from evals.verify.verdict import Section
from evals.verify.weights import Weights, found

NOTHING_CHECKED = 2
"""Exit status of a run in which not a single check could be made."""
NAMES = (*get_args(Section), *sorted({check.name for check in CHECKS}))


def weights(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, Path]:
    """Return the folders of *values*, each MODEL=DIR, by model."""
    pairs = [value.partition("=") for value in values]
    if any(not (name and equals and folder) for name, equals, folder in pairs):
        raise click.BadParameter("MODEL=DIR")
    return {name: Path(folder) for name, _, folder in pairs}


@click.command(short_help="Check that a server does not change its models' results.")
@server_flags
@click.option(
    "--model",
    "models",
    multiple=True,
    help="A model's name on the server; may be repeated.  [default: all that it lists]",
)
@click.option(
    "--local",
    metavar="MODEL=DIR",
    multiple=True,
    callback=weights,
    help="The weights of MODEL on this machine, for CTranslate2 or transformers: its answers are"
    " compared with the engine in this process. May be repeated.",
)
@click.option(
    "--compute-type",
    help="The precision of --local, as CTranslate2 or transformers names it.  [default: the"
    " server's, where it states it; else the stored one (CTranslate2), float32 (transformers)]",
)
@click.option(
    "--only",
    metavar="CHECK",
    multiple=True,
    type=click.Choice(NAMES),
    help="A check by its name, or a section: determinism, fidelity, contract, honesty. May be"
    " repeated.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the proof there.")
@click.option(
    "--page",
    "page_file",
    type=click.Path(path_type=Path),
    help="Write a page for an appendix there, an HTML file that loads nothing.",
)
@click.option("--list", "listed", is_flag=True, help="List the checks and what each shows.")
def verify(
    *,
    models: tuple[str, ...],
    local: dict[str, Path],
    compute_type: str | None,
    only: tuple[str, ...],
    json_file: Path | None,
    page_file: Path | None,
    listed: bool,
    **server: Any,
) -> None:
    """Check that a running server does not change the results of its models.

    Exits 1 if a check found a breach, 2 if no check could be made.
    """
    if listed:
        for check in CHECKS:
            click.echo(f"{check.section:<12}{check.name}: {check.shows}")
        return
    by_model = {name: found(folder, compute_type) for name, folder in local.items()}
    server["api_key"] = key_of(server["api_key"], server.pop("api_key_file"))
    try:
        proof = asyncio.run(_prove(models, by_model, only, **server))
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        click.echo("interrupted", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from error
    if json_file is not None:
        write_json(json_file, proof)
    if page_file is not None:
        page.save(proof, page_file)
    show(proof)
    raise click.exceptions.Exit({"passed": 0, "breach": 1}.get(proof.verdict, NOTHING_CHECKED))


async def _prove(
    models: tuple[str, ...],
    by_model: dict[str, Weights],
    only: tuple[str, ...],
    *,
    wait: float,
    **server: Any,
) -> Proof:
    cancel_on_sigterm()
    async with connect(**server) as client:
        where = public(str(client.base_url))
        with status(f"waiting for {where}") as shown:
            await await_ready(client, seconds=wait)
            return await prove(
                client,
                models,
                weights=by_model,
                only=only,
                watch=lambda model, check: shown.update(escape(plain(f"{model}: {check}"))),
            )
