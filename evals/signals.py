"""Handles SIGTERM as Ctrl-C: the run ends, keeps its results, and stops what it has started."""

import asyncio
import signal


def cancel_on_sigterm() -> None:
    """Cancel the current task at SIGTERM. By default the signal ends the process at once."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
