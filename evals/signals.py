"""SIGTERM, treated as Ctrl-C is: the run ends, keeps its results, and stops what it started."""

import asyncio
import signal


def cancel_on_sigterm() -> None:
    """Cancel the current task at SIGTERM, which would otherwise end the process at once."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
