"""Opens and closes what the routes of files and batches use: one object in a process."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from shim.batch_settings import BatchSettings
from shim.errors import StorageFull
from shim.serving.batch_metrics import BatchMetrics

from .runner import Runner
from .store.database import Database
from .store.database import opened as database_opened
from .store.files import Files
from .store.folder import Folder, held

log = logging.getLogger(__name__)

_SWEEP_SECONDS = 3600.0
"""Seconds between two removals of files that have expired."""


class Batches:
    """Files and batches, while their directory is held."""

    def __init__(
        self, folder: Folder, database: Database, settings: BatchSettings, metrics: BatchMetrics
    ) -> None:
        self.folder = folder
        self.database = database
        self.settings = settings
        self.files = Files(folder, database, settings)
        self.runner = Runner(folder, database, self.files, settings, metrics)


@asynccontextmanager
async def opened(
    settings: BatchSettings, metrics: BatchMetrics
) -> AsyncGenerator[Batches | None, None]:
    """Hold the directory of *settings* during the block, and sweep it; None if there is none.

    Raises FolderUnusable if it cannot be written, or another server holds it.
    """
    if settings.directory is None:
        yield None
        return
    with ExitStack() as stack:
        folder = stack.enter_context(held(Path(settings.directory)))
        database = stack.enter_context(database_opened(folder.index))
        batches = Batches(folder, database, settings, metrics)
        await batches.files.start()
        sweeping = asyncio.create_task(_sweep(batches))
        try:
            yield batches
        finally:
            sweeping.cancel()
            await asyncio.wait([sweeping])


async def _sweep(batches: Batches) -> None:
    """Remove what has expired, again and again."""
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        try:
            await batches.files.sweep()
            await batches.runner.sweep()
        except (OSError, sqlite3.Error, StorageFull) as error:
            log.error("what has expired could not be removed: %s", error)  # noqa: TRY400
