"""Flags that several commands have, and the values that they turn a text into."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from evals import keys
from evals.ask.client import MAX_RETRIES, TIMEOUT
from evals.failures import ScorerFailed
from evals.folder import safe
from evals.score.own import load_scorer
from evals.score.scorers import BUILT_IN, is_own
from evals.threshold import valid

Command = TypeVar("Command", bound=Callable[..., None])

HELP = {"help_option_names": ["-h", "--help"], "show_default": True}
INTERRUPTED = 130
"""Exit status of a run that a signal ended; the one of shells for Ctrl-C: 128 + SIGINT."""
POSITIVE = click.FloatRange(min=0, min_open=True)


def temperature(_context: click.Context, _parameter: click.Parameter, value: str) -> float | None:
    """Return the number in *value*, or None for `server`, the server's own default."""
    if value == "server":
        return None
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise click.BadParameter("a number, or 'server' to send none")
    return number


def json_object(_context: click.Context, _parameter: click.Parameter, value: str) -> dict[str, Any]:
    """Return the JSON object in *value*."""
    try:
        return msgspec.json.decode(value, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise click.BadParameter(str(error)) from error


def scorer(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return *value* if it names a built-in scorer, or one of the user's own that can be loaded."""
    if value is None or value in BUILT_IN:
        return value
    if not is_own(value):
        names = ", ".join(BUILT_IN)
        raise click.BadParameter(f"{value!r} is not one of {names}, nor like module:function")
    try:
        return load_scorer(value).name
    except ScorerFailed as error:
        raise click.BadParameter(str(error)) from error


def threshold(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Return *value* if it is a number of samples, or a share of them in per cent."""
    if not valid(value):
        raise click.BadParameter("a number of samples, or a share of them like 5%")
    return value


def different(
    _context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    """Return *value* if no word occurs twice in it, also not as the name of a folder."""
    if len({safe(word) for word in value}) < len(value):
        raise click.BadParameter("the same name twice")
    return value


_KEY = (
    click.option(
        "--api-key-file",
        type=click.Path(path_type=Path),
        help="A file that holds the key.  [default: OPENAI_API_KEY; servers on this machine need"
        " none]",
    ),
    click.option(
        "--api-key", help="The key itself, which other users see in the list of processes."
    ),
)
_SERVER = (
    click.option(
        "--base-url",
        help="The server's address, up to and including /v1.  [default: OPENAI_BASE_URL, else "
        "https://api.openai.com/v1]",
    ),
    *_KEY,
    click.option(
        "--timeout", type=POSITIVE, default=TIMEOUT, help="Longest silence in one attempt, seconds."
    ),
    click.option(
        "--max-retries", type=click.IntRange(0), default=MAX_RETRIES, help="Retries of one request."
    ),
    click.option(
        "--wait",
        type=click.FloatRange(min=0),
        default=60.0,
        help="How long the server may take to get ready, seconds.",
    ),
)


def key_flags(command: Command) -> Command:
    """Return *command* with the flags that give the key."""
    for flag in reversed(_KEY):
        command = flag(command)
    return command


def server_flags(command: Command) -> Command:
    """Return *command* with the flags that name a server, the key, and how long to wait for it."""
    for flag in reversed(_SERVER):
        command = flag(command)
    return command


report_flag = click.option(
    "--report/--no-report",
    default=True,
    help="Whether report.html and report.md are written to the run's folder.",
)
"""The flag of commands that end with a page."""


def key_of(key: str | None, file: Path | None) -> str | None:
    """Return the key of `--api-key` or of `--api-key-file`. Raises NoKey and UsageError."""
    if key is not None and file is not None:
        raise click.UsageError("give --api-key or --api-key-file, not both")
    return keys.read(file) if file is not None else key
