"""What `evals run` and `evals resume` share: they send what is missing, print, and exit."""

import asyncio
import shlex
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from string import ascii_uppercase

import click
import msgspec
from openai import AsyncOpenAI
from rich.progress import Progress

from evals.ask.client import await_ready
from evals.batch.server import refuse_without
from evals.commands.options import INTERRUPTED
from evals.commands.outcome import show_comparisons, show_summaries, write_pages
from evals.dataset import Dataset
from evals.evaluation import evaluate, finished, settle, tidy
from evals.failures import EvalsError
from evals.folder import Folder, create
from evals.journal import recorded
from evals.preflight import preflight
from evals.read import read
from evals.report.progress import Tracker, bar
from evals.report.summary import Summary
from evals.report.terminal import console, plain, plain_lines, show_place, status
from evals.sending import Job, pending
from evals.signals import cancel_on_sigterm
from evals.specification import Specification, claimed
from evals.threshold import objection


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """All of a run, or the rest of one. *folder* None: it gets a new one in *out*."""

    specification: Specification
    dataset: Dataset
    client: AsyncOpenAI
    out: Path
    folder: Folder | None = None

    @property
    def missing(self) -> list[Job]:
        """What has no answer yet."""
        return pending(self.dataset, self.specification.plan, [])


class Begun(Part, frozen=True, kw_only=True):
    """A part whose folder this process holds."""

    folder: Folder

    @property
    def missing(self) -> list[Job]:
        """What has no answer yet."""
        return pending(self.dataset, self.specification.plan, recorded(self.folder.results))


def execute(parts: Sequence[Part], *, report: bool, together: Path | None = None) -> None:
    """Send what *parts* lack, one part after the other; print the summaries, or one table of them.

    Of several models the comparisons are printed too. *report* is whether pages are written, and
    *together* the folder of one of all runs. Raises ClickException for an error, or if a run is not
    a success; Exit(130) after a signal.
    """
    if len(parts) > len(ascii_uppercase):  # which name them where they are compared
        raise click.UsageError(f"at most {len(ascii_uppercase)} runs at once")
    summaries: list[Summary] = []
    begun: list[Path] = []
    try:
        for part in parts:
            settle(part.specification.plan, part.dataset)
        asyncio.run(_execute(parts, summaries, begun))
        runs = [read(path) for path in begun]
        page = write_pages(runs, together=together) if report else None
    except EvalsError as error:
        show_summaries(summaries)
        message = plain_lines(f"{error}{_how_to_go_on(begun)}")
        raise click.ClickException(message) from error
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        show_summaries(summaries)
        batches = any(Folder(path).batches.exists() for path in begun)
        cancel = f"; to end the batches at the server: {_command(begun, 'cancel')}"
        click.echo(f"interrupted{_how_to_go_on(begun)}{cancel if batches else ''}", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from error
    show_summaries(summaries)
    show_comparisons(runs)
    if page:
        show_place("page", page)
    limits = [part.specification.plan.max_failures for part in parts]
    if reasons := [r for r in map(objection, summaries, limits) if r]:
        again = [path for path, one in zip(begun, summaries, strict=True) if not one.complete]
        raise click.ClickException(plain_lines(f"{'; '.join(reasons)}{_how_to_go_on(again)}"))


async def _execute(parts: Sequence[Part], summaries: list[Summary], begun: list[Path]) -> None:
    """Run *parts*; add their summaries to *summaries*, and their folders to *begun* before that.

    What exists is checked before any server is reached, and nothing is created before all are.
    """
    cancel_on_sigterm()
    async with AsyncExitStack() as stack:
        for part in parts:
            await stack.enter_async_context(part.client)
        parts = [_begin(part, stack) if _exists(part) else part for part in parts]
        probes = [await _reach(part) for part in parts]
        held = [part if isinstance(part, Begun) else _begin(part, stack) for part in parts]
        begun += [part.folder.path for part in held]
        if any(part.missing for part in held):
            hint = f"if this ends early, go on with: {_command(begun)}"
            console(stderr=True).print(plain(hint), markup=False, soft_wrap=True)
        together = [part.folder for part in held]
        with bar() as progress:
            for part, readiness in zip(held, probes, strict=True):
                await _run(part, readiness, progress, together=together, keep=summaries.append)
            for part in held:
                if part.specification.plan.via == "batch":
                    say = partial(_say, progress)
                    await tidy(part.client, part.specification, part.folder, say=say)


def _exists(part: Part) -> bool:
    return part.folder is not None and part.folder.run.exists()


def _begin(part: Part, stack: AsyncExitStack) -> Begun:
    """Return *part* with its folder, held until *stack* is closed."""
    folder = part.folder or create(
        part.out,
        task=part.dataset.name,
        model=part.specification.plan.task.model,
        at=datetime.fromisoformat(part.specification.started_at),
    )
    return Begun(
        specification=stack.enter_context(claimed(folder, part.specification)),
        dataset=part.dataset,
        client=part.client,
        out=part.out,
        folder=folder,
    )


async def _reach(part: Part) -> int:
    """Wait for the server of *part*, and check that it has the model; return the failed probes.

    A run of which nothing is missing needs no server.
    """
    jobs = part.missing
    if not jobs:
        return 0
    with status(f"waiting for {part.specification.base_url}"):
        probes = await await_ready(part.client, seconds=part.specification.wait)
        if part.specification.plan.via == "batch":
            await refuse_without(part.client)
        await preflight(part.client, part.specification.plan.task, jobs[0].sample)
    return probes


async def _run(
    part: Begun,
    readiness: int,
    progress: Progress,
    *,
    together: Sequence[Folder],
    keep: Callable[[Summary], None],
) -> None:
    """Finish *part*, and call *keep* with its summary; one of which nothing is missing has one.

    *together* are the folders of all parts.
    """
    plan = part.specification.plan
    if not part.missing and (summary := finished(part.folder)):
        keep(summary)
        return
    tracker = Tracker(
        progress,
        part.dataset.name if len(together) == 1 else plan.task.model,
        total=len(part.dataset.samples) * plan.repeat,
        scorer=settle(plan, part.dataset)[0],
        before=recorded(part.folder.results),
    )
    await evaluate(
        part.client,
        part.dataset,
        part.specification,
        part.folder,
        readiness=readiness,
        watch=tracker.watch,
        say=partial(_say, progress),
        count_batch=tracker.count_batch,
        together=together,
        keep=keep,
    )


def _say(progress: Progress, text: str) -> None:
    progress.console.print(plain(text), markup=False, soft_wrap=True)


def _how_to_go_on(folders: Sequence[Path]) -> str:
    """Return the end of a message: the command that goes on with the runs in *folders*."""
    return f"; to go on: {_command(folders)}" if folders else ""


def _command(folders: Sequence[Path], verb: str = "resume") -> str:
    return f"evals {verb} {shlex.join(str(folder) for folder in folders)}"
