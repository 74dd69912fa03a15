"""`python -m evals.demo`: fetches models, serves them, evaluates them, prints one table."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urljoin

import click
from openai import AsyncOpenAI

from evals.ask.client import await_ready, connect
from evals.commands.options import HELP, INTERRUPTED
from evals.demo.program import Program, another, real, toys
from evals.demo.pull import NotPulled, pull
from evals.evaluation import evaluate, settle
from evals.failures import EvalsError, short
from evals.folder import create, refuse_unwritable
from evals.local_server import serving
from evals.report import table
from evals.report.progress import Tracker, bar
from evals.report.summary import Summary
from evals.report.terminal import plain_lines, status
from evals.signals import cancel_on_sigterm
from evals.specification import claimed, specify
from evals.threshold import objection

START_SECONDS = 120.0
"""Seconds that the server may take to print its address, and again to get ready."""


@click.command(context_settings=HELP)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="reports",
    help="Where each evaluation makes its own folder, TASK-MODEL-TIME.",
)
@click.option("--limit", type=click.IntRange(1), help="Run only the first N samples of each.")
@click.option("--toys", "only_toys", is_flag=True, help="Fetch nothing; serve the toy models.")
@click.argument("server", nargs=-1)
def main(*, out: Path, limit: int | None, only_toys: bool, server: tuple[str, ...]) -> None:
    """Fetch real models and recordings, serve the models, evaluate them, stop the server.

    What was fetched before is not fetched again. If `shim pull` fails, the toy models of the
    package are served and evaluated instead, and the table's title says so.

    SERVER is the command of another server, which gets the toys' evaluations. It must print its
    address, http://127.0.0.1:PORT/v1, and serve the models whisper-1 and gpt-4o-mini.

    Exits 1 if the server dies or if any sample failed, 130 if it was interrupted.
    """
    try:
        refuse_unwritable(out)
        program = asyncio.run(_program(server, limit, only_toys=only_toys))
        summaries = _evaluated(program, out)
    except EvalsError as error:
        raise click.ClickException(plain_lines(str(error))) from error
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        click.echo("interrupted; nothing was left running", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from error
    if reasons := [reason for summary in summaries if (reason := objection(summary, "0"))]:
        raise click.ClickException("; ".join(reasons))


async def _program(server: Sequence[str], limit: int | None, *, only_toys: bool) -> Program:
    """Return what is to be served: real models, unless others are named or they are missing."""
    cancel_on_sigterm()
    if server:
        return another(server, limit=limit)
    if only_toys:
        return toys(limit=limit)
    try:
        recordings = await pull()
    except NotPulled as reason:
        return toys(limit=limit, unreachable=short(str(reason)))
    return real(recordings, limit=limit)


def _evaluated(program: Program, out: Path) -> list[Summary]:
    """Run the evaluations and return their summaries; print those that exist, also at a failure."""
    summaries: list[Summary] = []
    try:
        asyncio.run(_serve(program, out, summaries))
    finally:
        if summaries:
            table.show(program.title, summaries, note=program.note)
    return summaries


async def _serve(program: Program, out: Path, summaries: list[Summary]) -> None:
    cancel_on_sigterm()
    # The user's own settings would serve other models, or require a key.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SHIM_") or name == "SHIM_CACHE"
    }
    async with serving(program.server, environment) as server:
        with status("starting the server"):
            base_url = await server.base_url(START_SECONDS)
        async with connect(base_url=base_url) as client:
            await server.during(_evaluations(client, program, out, summaries))


async def _evaluations(
    client: AsyncOpenAI, program: Program, out: Path, summaries: list[Summary]
) -> None:
    ready = urljoin(str(client.base_url), "/ready")
    with status("waiting for the models"):
        probes = await await_ready(client, path=ready, seconds=START_SECONDS)
    with bar() as progress:
        for dataset, plan in program.evaluations:
            specification = specify(client, dataset, plan, wait=START_SECONDS)
            folder = create(out, task=dataset.name, model=plan.task.model)
            tracker = Tracker(
                progress,
                dataset.name,
                total=len(dataset.samples),
                scorer=settle(plan, dataset)[0],
            )
            with claimed(folder, specification):
                await evaluate(
                    client,
                    dataset,
                    specification,
                    folder,
                    # The probes were before the first evaluation.
                    readiness=0 if summaries else probes,
                    watch=tracker.watch,
                    keep=summaries.append,
                )


if __name__ == "__main__":
    main()
