"""`python -m evals.demo`: a server, the two bundled evaluations, one table, one report."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urljoin

import click
import msgspec
from openai import AsyncOpenAI

from evals.client import await_ready, connect
from evals.dataset import Dataset, load
from evals.evaluation import Plan, evaluate
from evals.failures import EvalsError
from evals.journal import write
from evals.server import serving
from evals.summary import Summary
from evals.table import bar, console, show, tracker
from evals.task import Task

DATA = Path(__file__).parent / "data"
SERVER = (sys.executable, "-m", "shim", "serve", "--port", "0")
MODELS = {"speech": "whisper-1", "sums": "gpt-4o-mini"}
START_SECONDS = 60.0
INTERRUPTED = 130


@click.command(context_settings={"show_default": True})
@click.option("--out", type=click.Path(path_type=Path), default="reports", help="Where files go.")
@click.option("--limit", type=click.IntRange(1), help="Only the first samples of each.")
@click.argument("server", nargs=-1)
def main(out: Path, limit: int | None, server: tuple[str, ...]) -> None:
    """Start SERVER, a command (default: shim serve), evaluate it, stop it.

    It must print its address, http://127.0.0.1:PORT/v1, and serve the models whisper-1 and
    gpt-4o-mini. Exits 1 if it dies or if any sample failed.
    """
    report = out / "demo.json"
    try:
        # A report of an earlier run must not outlive the failure of this one.
        report.unlink(missing_ok=True)
        datasets = [load(DATA / f"{name}.jsonl", limit=limit) for name in MODELS]
        summaries = asyncio.run(_demo(server or SERVER, datasets, out))
    except EvalsError as error:
        raise click.ClickException(str(error)) from error
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        click.echo("interrupted; the server was stopped", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from error
    write(report, msgspec.json.format(msgspec.json.encode(summaries)) + b"\n")
    show(summaries, report)
    failed = sum(summary.counts.failed for summary in summaries)
    if failed:
        raise click.ClickException(f"{failed} samples failed")


async def _demo(command: Sequence[str], datasets: list[Dataset], out: Path) -> list[Summary]:
    _cancel_on_sigterm()
    async with serving(command) as server:
        with console(stderr=True).status("starting the server"):
            base_url = await server.base_url(START_SECONDS)
        async with connect(base_url=base_url) as client:
            return await server.during(_evaluations(client, datasets, out))


def _cancel_on_sigterm() -> None:
    # Unlike SIGINT it would end us at once, and leave the server behind.
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


async def _evaluations(client: AsyncOpenAI, datasets: list[Dataset], out: Path) -> list[Summary]:
    ready = urljoin(str(client.base_url), "/ready")
    with console(stderr=True).status("waiting for the models"):
        probes = await await_ready(client, path=ready, seconds=START_SECONDS)
    summaries = []
    with bar() as progress:
        for dataset in datasets:
            name = dataset.path.stem
            summary = await evaluate(
                client,
                dataset,
                Plan(task=Task(model=MODELS[name])),
                results=out / f"demo-{name}.jsonl",
                readiness=probes,
                watch=tracker(progress, name, len(dataset.samples)),
            )
            summaries.append(summary)
    return summaries


if __name__ == "__main__":
    main()
