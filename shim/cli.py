"""`shim serve | check | openapi`: arguments → Settings → server."""

import errno
import logging
import socket
from pathlib import Path
from typing import Any

import click
import msgspec

from backends.config import ModelConfig
from backends.registry import ModelNotOpened
from backends.registry import check as check_model

from . import __version__
from .app import create_app
from .logs import logging_to_stderr
from .server import bound, run, url
from .settings import Settings, SettingsError, load, parse_model
from .welcome import announce, show_models

log = logging.getLogger(__name__)


_REMEDIES = {
    errno.EADDRINUSE: "choose another port with --port, 0 takes a free one",
    errno.EACCES: "ports below 1024 belong to the system; choose another with --port",
}
"""What to do about an address that cannot be had; for all else: another --host."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="shim")
def main() -> None:
    """OpenAI's API in front of models on your own machines."""


def _options(command: Any) -> Any:
    """Give *command* the flags that make up the settings."""
    for option in (
        click.option(
            "--model",
            "models",
            multiple=True,
            metavar="ID=BACKEND:SOURCE",
            help="A model, from a directory or the Hugging Face hub, instead of the file's. May "
            "repeat.  [default: the built-in models]",
        ),
        click.option(
            "--allow-keyless",
            is_flag=True,
            default=None,
            help="Serve beyond this machine although no key is set.",
        ),
        click.option(
            "--api-key",
            "api_keys",
            multiple=True,
            help="A key, which other users see in the list of processes. May repeat.",
        ),
        click.option(
            "--api-key-file", help="A file with keys, one a line.  [default: no key is asked for]"
        ),
        click.option("--port", type=int, help="Port to bind; 0 takes a free one.  [default: 8000]"),
        click.option("--host", help="Address to bind.  [default: 127.0.0.1]"),
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            envvar="SHIM_CONFIG",
            show_envvar=True,
            help="A TOML file with all settings. Each of [server] also has a variable, SHIM_ and "
            "its name in capitals.",
        ),
    ):
        command = option(command)
    return command


def _settings(config: Path | None, models: tuple[str, ...], **server: Any) -> Settings:
    given = {name: value for name, value in server.items() if value not in (None, ())}
    flags: dict[str, Any] = {"server": given} if given else {}
    try:
        if models:
            flags["models"] = [parse_model(model) for model in models]
        return load(config, flags=flags)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error


def _bound(settings: Settings) -> socket.socket:
    host, port = settings.server.host, settings.server.port
    try:
        return bound(host, port)
    except (OSError, UnicodeError) as error:  # UnicodeError: no name of a host, as "a..b"
        number = getattr(error, "errno", 0)
        remedy = _REMEDIES.get(number, "--host takes an address of this machine, as 127.0.0.1")
        reason = getattr(error, "strerror", None) or "not the name of a host"
        raise click.ClickException(f"Cannot listen on {host}:{port}: {reason}; {remedy}") from error


@main.command()
@_options
@click.option(
    "--log-level",
    type=click.Choice(["info", "warning", "debug"]),
    help="What is logged to stderr.  [default: warnings, and how far the models are in starting]",
)
def serve(log_level: str | None, **flags: Any) -> None:
    """Serve the configured models, or the built-in ones if none are."""
    settings = _settings(**flags)
    if log_level is None:
        logging.getLogger("backends").setLevel(logging.INFO)

    try:
        with logging_to_stderr((log_level or "warning").upper()), _bound(settings) as address:
            run(settings, address, lambda models: announce(url(address), settings, models))
    # Not `except*`: before Python 3.11.4 what is raised in one arrives in a group of its own.
    except ExceptionGroup as group:
        failed, others = group.split(ModelNotOpened)
        if failed is None or others is not None:
            raise
        log.debug("start failed", exc_info=group)
        raise click.ClickException("\n".join(map(str, failed.exceptions))) from group


@main.command()
@_options
def check(**flags: Any) -> None:
    """Validate a configuration and say what would be served; no model is loaded.

    Exits 1 for a wrong setting, and for a model whose engine, directory or precision is missing.
    """
    settings = _settings(**flags)
    faults = [fault for model in settings.models if (fault := _fault(model))]
    if faults:
        raise click.ClickException("\n".join(faults))
    server = settings.server
    keys = f"{len(server.api_keys)} keys" if server.api_keys else "no key"
    click.echo(f"http://{server.host}:{server.port}/v1, {keys}")
    show_models(settings)


def _fault(model: ModelConfig) -> str | None:
    try:
        check_model(model)
    except ModelNotOpened as error:
        return str(error)
    return None


@main.command()
@_options
def openapi(**flags: Any) -> None:
    """Print the OpenAPI document of what would be served."""
    document: bytes = create_app(_settings(**flags)).state.document
    click.echo(msgspec.json.format(document))
