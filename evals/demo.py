"""`python -m evals.demo`: starts a server and runs the two evaluations of the package."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urljoin

import click
from openai import AsyncOpenAI

from evals.ask.client import await_ready, connect
from evals.ask.task import Task
from evals.cli import HELP, INTERRUPTED
from evals.dataset import Dataset, load
from evals.evaluation import Plan, evaluate
from evals.failures import EvalsError
from evals.folder import refuse_unwritable
from evals.local_server import serving
from evals.report.summary import Summary
from evals.report.terminal import bar, console, show, tracker
from evals.signals import cancel_on_sigterm
from evals.threshold import objection

DATA = Path(__file__).parent / "data"
SERVER = (sys.executable, "-m", "shim", "serve", "--port", "0")
MODELS = {"speech": "whisper-1", "sums": "gpt-4o-mini"}
START_SECONDS = 60.0
"""Seconds that the server may take to print its address, and again to get ready."""


@click.command(context_settings=HELP)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="reports",
    help="Where each evaluation makes its own folder, TASK-MODEL-TIME.",
)
@click.option("--limit", type=click.IntRange(1), help="Run only the first N samples of each.")
@click.argument("server", nargs=-1)
def main(out: Path, limit: int | None, server: tuple[str, ...]) -> None:
    """Start SERVER, a command (default: shim serve), evaluate it, stop it.

    The server must print its address, http://127.0.0.1:PORT/v1, and serve the models whisper-1 and
    gpt-4o-mini. Exits 1 if it dies or if any sample failed, 130 if it was interrupted.
    """
    summaries: list[Summary] = []
    try:
        datasets = [load(DATA / f"{name}.jsonl", limit=limit) for name in MODELS]
        refuse_unwritable(out)
        asyncio.run(_demo(server or SERVER, datasets, out, summaries))
    except EvalsError as error:
        show(summaries)
        raise click.ClickException(str(error)) from error
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        show(summaries)
        click.echo("interrupted; the server was stopped", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from error
    show(summaries)
    if reasons := [reason for summary in summaries if (reason := objection(summary, "0"))]:
        raise click.ClickException("; ".join(reasons))


async def _demo(
    command: Sequence[str], datasets: list[Dataset], out: Path, summaries: list[Summary]
) -> None:
    cancel_on_sigterm()
    # The user's own settings would serve other models, or require a key.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("SHIM_")
    }
    async with serving(command, environment) as server:
        with console(stderr=True).status("starting the server"):
            base_url = await server.base_url(START_SECONDS)
        async with connect(base_url=base_url) as client:
            await server.during(_evaluations(client, datasets, out, summaries))


async def _evaluations(
    client: AsyncOpenAI, datasets: list[Dataset], out: Path, summaries: list[Summary]
) -> None:
    ready = urljoin(str(client.base_url), "/ready")
    with console(stderr=True).status("waiting for the models"):
        probes = await await_ready(client, path=ready, seconds=START_SECONDS)
    with bar() as progress:
        for dataset in datasets:
            name = dataset.path.stem
            await evaluate(
                client,
                dataset,
                Plan(task=Task(model=MODELS[name])),
                out=out,
                readiness=probes,
                watch=tracker(progress, name, len(dataset.samples)),
                keep=summaries.append,
            )


if __name__ == "__main__":
    main()
