"""`evals run`: reads flags, runs an evaluation, prints a summary, sets the exit status."""

import asyncio
from pathlib import Path
from typing import Any, get_args

import click

from evals.address import public
from evals.ask.client import await_ready, connect
from evals.ask.task import Task
from evals.commands.options import (
    INTERRUPTED,
    json_object,
    key_of,
    server_flags,
    temperature,
    threshold,
)
from evals.dataset import Dataset, load
from evals.evaluation import Plan, evaluate
from evals.failures import EvalsError
from evals.folder import refuse_unwritable
from evals.preflight import preflight
from evals.report.summary import Summary
from evals.report.terminal import bar, console, show, tracker
from evals.result import OnError
from evals.score.normalizers import Normalizer
from evals.score.scorers import Scorer
from evals.signals import cancel_on_sigterm
from evals.threshold import objection


@click.command()
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("--model", required=True, help="The model's name on the server.")
@server_flags
@click.option(
    "--scorer",
    type=click.Choice(get_args(Scorer)),
    help="Word errors, character errors, exact match, the target's words in the answer, or the most"
    " probable choice.  [default: wer for audio, exact for chat, loglikelihood for choices]",
)
@click.option(
    "--normalizer",
    type=click.Choice(get_args(Normalizer)),
    help="How texts are changed before they are compared.  [default: none for exact match and "
    "choices; else english if all samples are, else basic]",
)
@click.option("--concurrency", type=click.IntRange(1), default=8, help="Most requests at once.")
@click.option(
    "--on-error",
    type=click.Choice(get_args(OnError)),
    default="record",
    help="A failed sample is left out of the score, ends the run, or counts as an empty answer.",
)
@click.option(
    "--max-failures",
    metavar="N|P%",
    default="0",
    callback=threshold,
    help="How many samples may fail, a number or a share; beyond it the exit status is 1.",
)
@click.option("--limit", type=click.IntRange(1), help="Run only the first N samples.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="reports",
    help="Where the run makes its own folder, TASK-MODEL-TIME.",
)
@click.option("--stream", is_flag=True, help="Request streams, and time the first token.")
@click.option("--language", help="The language of clips that name none.")
@click.option("--prompt", help="The prompt of a transcription, or a system message.")
@click.option(
    "--temperature", default="0", callback=temperature, help="A number; 'server' to send none."
)
@click.option("--max-tokens", type=click.IntRange(1), help="Longest answer of a chat, tokens.")
@click.option("--seed", type=int, help="Sent with chat requests.")
@click.option(
    "--extra", default="{}", callback=json_object, help="A JSON object added to every request."
)
def run(manifest: Path, out: Path, limit: int | None, **flags: Any) -> None:
    """Send every sample of MANIFEST to a server, score the answers, write results and a summary.

    Exits 1 if the run was stopped, if more samples failed than --max-failures allows, or if there
    is no score; 130 if it was interrupted.
    """
    summaries: list[Summary] = []
    try:
        dataset = load(manifest, limit=limit)
        refuse_unwritable(out)
        flags["api_key"] = key_of(flags["api_key"], flags.pop("api_key_file"))
        asyncio.run(_evaluate(dataset, out, summaries, **flags))
    except EvalsError as error:
        show(summaries)
        raise click.ClickException(str(error)) from error
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        show(summaries)
        click.echo("interrupted", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from error
    show(summaries)
    for summary in summaries:
        if reason := objection(summary, flags["max_failures"]):
            raise click.ClickException(reason)


async def _evaluate(
    dataset: Dataset,
    out: Path,
    summaries: list[Summary],
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
    max_failures: str,
    **task: Any,
) -> None:
    cancel_on_sigterm()
    plan = Plan(
        task=Task(**task),
        scorer=scorer,
        normalizer=normalizer,
        concurrency=concurrency,
        on_error=on_error,
        max_failures=max_failures,
    )
    client = connect(base_url=base_url, api_key=api_key, timeout=timeout, max_retries=max_retries)
    async with client:
        with console(stderr=True).status(f"waiting for {public(str(client.base_url))}"):
            readiness = await await_ready(client, seconds=wait)
            await preflight(client, plan.task, dataset.samples[0])
        with bar() as progress:
            await evaluate(
                client,
                dataset,
                plan,
                out=out,
                readiness=readiness,
                watch=tracker(progress, dataset.name, len(dataset.samples)),
                keep=summaries.append,
            )
