"""`evals run`: reads flags, and runs an evaluation of each model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import click

from evals.ask.client import connect
from evals.ask.task import Task
from evals.commands.execution import Part, execute
from evals.commands.options import (
    different,
    json_object,
    key_of,
    report_flag,
    scorer,
    server_flags,
    temperature,
    threshold,
)
from evals.dataset import Columns, load
from evals.folder import Folder, refuse_unwritable, safe
from evals.plan import Plan, Via
from evals.result import OnError
from evals.score.normalizers import Normalizer
from evals.score.scorers import check
from evals.specification import specify


@click.command(short_help="Evaluate models on a data set.")
@click.argument("data")
@click.option(
    "--model",
    required=True,
    multiple=True,
    callback=different,
    help="The model's name on the server; several are evaluated one after the other.",
)
@server_flags
@click.option("--audio-column", help="The column of a table that has the clips.")
@click.option("--text-column", help="The column of a table that has the targets.")
@click.option(
    "--scorer",
    metavar="NAME|MODULE:FUNCTION",
    callback=scorer,
    help="wer or cer: word or character errors. exact, contains, regex, number: the answer equals"
    " the target, has its words in a row, is matched by it, ends in the same number. tool: it is"
    " the right call. loglikelihood, loglikelihood-per-character: the most probable choice is the"
    " right one. Or a function of your own.  [default: wer for audio, exact for chat, tool for"
    " calls, loglikelihood for choices]",
)
@click.option(
    "--normalizer",
    type=click.Choice(get_args(Normalizer)),
    help="How texts are changed before they are compared.  [default: for wer, cer and contains "
    "english if all samples are, else basic; for the others none]",
)
@click.option(
    "--via",
    type=click.Choice(get_args(Via)),
    default="requests",
    help="A request for each sample, or all of them as batches of /v1/batches.",
)
@click.option("--concurrency", type=click.IntRange(1), default=8, help="Most requests at once.")
@click.option(
    "--repeat",
    type=click.IntRange(1),
    default=1,
    help="How often each sample is sent; --seed grows by 1 each time.",
)
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
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="The run's own folder, in place of one in --out; if it has this run, the run goes on. "
    "With several models it has a folder for each.",
)
@report_flag
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
def run(
    data: str,
    *,
    model: tuple[str, ...],
    out: Path,
    folder: Path | None,
    limit: int | None,
    audio_column: str | None,
    text_column: str | None,
    base_url: str | None,
    api_key: str | None,
    api_key_file: Path | None,
    timeout: float,
    max_retries: int,
    wait: float,
    report: bool,
    **flags: Any,
) -> None:
    """Send every sample of DATA to a server, score the answers, write results and a summary.

    DATA is a manifest, a table (.csv, .tsv), a folder of clips with transcripts, or hf:NAME.

    Exits 1 if the run was stopped, if more samples failed than --max-failures allows, or if there
    is no score; 130 if it was interrupted.
    """
    plan = {name: flags.pop(name) for name in Plan.__struct_fields__ if name in flags}
    columns = Columns(audio=audio_column, text=text_column)
    dataset = load(data, limit=limit, columns=columns, check=check(plan["scorer"]))
    refuse_unwritable(folder or out)
    key = key_of(api_key, api_key_file)
    parts = []
    for name, place in zip(model, places(folder, model), strict=True):
        client = connect(base_url=base_url, api_key=key, timeout=timeout, max_retries=max_retries)
        whole = Plan(task=Task(model=name, **flags), **plan)
        wanted = specify(client, dataset, whole, columns=columns, wait=wait)
        parts.append(
            Part(specification=wanted, dataset=dataset, client=client, out=out, folder=place)
        )
    execute(parts, report=report, together=folder)


def places(folder: Path | None, models: Sequence[str]) -> list[Folder | None]:
    """Return the folder of each model in *folder*, which is that of the run if there is one model.

    Without *folder* they are None.
    """
    if folder is None:
        return [None] * len(models)
    if len(models) == 1:
        return [Folder(folder)]
    return [Folder(folder / safe(model)) for model in models]
