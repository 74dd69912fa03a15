"""The command `evals`: flags in, table and files out."""

import asyncio
from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from evals.client import MAX_RETRIES, TIMEOUT, await_ready, connect, public
from evals.dataset import Dataset, load
from evals.evaluation import Plan, evaluate
from evals.failures import EvalsError
from evals.journal import write
from evals.normalizers import Normalizer
from evals.runner import OnError
from evals.scorers import Scorer
from evals.summary import Summary
from evals.table import bar, console, show, tracker
from evals.task import Task

INTERRUPTED = 130


def temperature(_context: click.Context, _parameter: click.Parameter, value: str) -> float | None:
    """Read a number, or `server` for the server's own default."""
    if value == "server":
        return None
    try:
        return float(value)
    except ValueError as error:
        raise click.BadParameter("a number, or 'server' to send none") from error


def json_object(_context: click.Context, _parameter: click.Parameter, value: str) -> dict[str, Any]:
    """Read a JSON object."""
    try:
        return msgspec.json.decode(value, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise click.BadParameter(str(error)) from error


@click.group()
@click.version_option(package_name="evalshim")
def main() -> None:
    """Evaluate any OpenAI-compatible server."""


@main.command(context_settings={"show_default": True})
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("--model", required=True, help="The model's name on the server.")
@click.option("--base-url", help="Up to and including /v1; else OPENAI_BASE_URL.")
@click.option("--api-key", help="Else OPENAI_API_KEY; a server on this machine may need none.")
@click.option("--timeout", default=TIMEOUT, help="Longest silence in one attempt, seconds.")
@click.option("--max-retries", type=click.IntRange(0), default=MAX_RETRIES, help="Per request.")
@click.option("--wait", default=60.0, help="How long the server may take to get ready, seconds.")
@click.option("--scorer", type=click.Choice(get_args(Scorer)), help="Default: by the data.")
@click.option("--normalizer", type=click.Choice(get_args(Normalizer)), help="Default: by the data.")
@click.option("--concurrency", type=click.IntRange(1), default=8, help="Requests at once.")
@click.option(
    "--on-error",
    type=click.Choice(get_args(OnError)),
    default="record",
    help="A failed sample is left out of the score, ends the run, or counts as empty.",
)
@click.option("--limit", type=click.IntRange(1), help="Only the first samples.")
@click.option("--out", type=click.Path(path_type=Path), default="reports", help="Where files go.")
@click.option("--stream", is_flag=True, help="Ask for streams; times the first token.")
@click.option("--language", help="For clips that name none.")
@click.option("--prompt", help="Prompt of a transcription, or a system message.")
@click.option("--temperature", default="0", callback=temperature, help="Or 'server'.")
@click.option("--max-tokens", type=click.IntRange(1), help="Limit of an answer.")
@click.option("--seed", type=int, help="Sent with chat requests.")
@click.option("--extra", default="{}", callback=json_object, help="JSON added to every request.")
def run(manifest: Path, out: Path, limit: int | None, **flags: Any) -> None:
    """Ask a server every sample of MANIFEST, score the answers, write results and a summary.

    Exits 1 if the run was stopped, or if there is no score because every sample failed.
    """
    place = out / f"{manifest.stem}.json"
    results = place.with_suffix(".jsonl")
    try:
        dataset = load(manifest, limit=limit)
        for old in (place, results):
            # What an earlier run left must not be taken for this one's.
            old.unlink(missing_ok=True)
        summary = asyncio.run(_evaluate(dataset, results, **flags))
    except EvalsError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt as error:
        click.echo(f"interrupted; what was answered is in {results}", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from error
    write(place, msgspec.json.format(msgspec.json.encode(summary)) + b"\n")
    show([summary], place)
    if not summary.complete or summary.score.value is None:
        raise click.exceptions.Exit(1)


async def _evaluate(
    dataset: Dataset,
    results: Path,
    *,
    base_url: str | None,
    api_key: str | None,
    timeout: float,  # noqa: ASYNC109 - not this coroutine's timeout but each request's
    max_retries: int,
    wait: float,
    scorer: Scorer | None,
    normalizer: Normalizer | None,
    concurrency: int,
    on_error: OnError,
    **task: Any,
) -> Summary:
    plan = Plan(
        task=Task(**task),
        scorer=scorer,
        normalizer=normalizer,
        concurrency=concurrency,
        on_error=on_error,
    )
    client = connect(base_url=base_url, api_key=api_key, timeout=timeout, max_retries=max_retries)
    async with client:
        with console(stderr=True).status(f"waiting for {public(str(client.base_url))}"):
            readiness = await await_ready(client, seconds=wait)
        with bar() as progress:
            watch = tracker(progress, dataset.path.stem, len(dataset.samples))
            return await evaluate(
                client, dataset, plan, results=results, readiness=readiness, watch=watch
            )
