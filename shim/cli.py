"""Defines the command line: `shim serve`, `shim check` and `shim openapi`."""

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
from .server import bind, run, url
from .settings import Settings, SettingsError, load, parse_model
from .welcome import announce, show_models

log = logging.getLogger(__name__)


_REMEDIES = {
    errno.EADDRINUSE: "choose another port with --port, or 0 for any free one",
    errno.EACCES: "ports below 1024 belong to the system; choose another with --port",
}
"""Advice for errors of binding an address; for all others it is to change --host."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="shim")
def main() -> None:
    """Serve OpenAI's API from models on your own machines."""


def _options(command: Any) -> Any:
    """Add the flags for the settings to *command*."""
    for option in (
        click.option(
            "--model",
            "models",
            multiple=True,
            metavar="ID=BACKEND:SOURCE",
            help="A model from a directory or the Hugging Face hub, instead of those in the file. "
            "May be repeated.  [default: the built-in models]",
        ),
        click.option(
            "--allow-keyless",
            is_flag=True,
            default=None,
            help="Serve other machines too although no key is set.",
        ),
        click.option(
            "--api-key",
            "api_keys",
            multiple=True,
            help="A key that clients may send; other users of this machine can see it in the list "
            "of processes. May be repeated.",
        ),
        click.option(
            "--api-key-file", help="A file with keys, one on each line.  [default: no keys]"
        ),
        click.option(
            "--port", type=int, help="The port to listen on; 0 for any free one.  [default: 8000]"
        ),
        click.option("--host", help="The address to listen on.  [default: 127.0.0.1]"),
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            envvar="SHIM_CONFIG",
            show_envvar=True,
            help="A TOML file with all settings. Each setting in [server] also has an environment "
            "variable: SHIM_ and its name in capitals.",
        ),
    ):
        command = option(command)
    return command


def _settings(config: Path | None, models: tuple[str, ...], **server: Any) -> Settings:
    server = {name: value for name, value in server.items() if value not in (None, ())}
    flags: dict[str, Any] = {"server": server} if server else {}
    try:
        if models:
            flags["models"] = [parse_model(model) for model in models]
        return load(config, flags=flags)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error


def _bind(settings: Settings) -> socket.socket:
    host, port = settings.server.host, settings.server.port
    try:
        return bind(host, port)
    except (OSError, UnicodeError) as error:  # UnicodeError: not a host name, such as "a..b"
        number = getattr(error, "errno", 0)
        remedy = _REMEDIES.get(number, "--host takes an address of this machine, as 127.0.0.1")
        reason = getattr(error, "strerror", None) or "not a host name"
        raise click.ClickException(f"Cannot listen on {host}:{port}: {reason}; {remedy}") from error


@main.command()
@_options
@click.option(
    "--log-level",
    type=click.Choice(["info", "warning", "debug"]),
    help="The least level of messages on stderr.  [default: warning, and the models' progress in "
    "starting]",
)
def serve(log_level: str | None, **flags: Any) -> None:
    """Serve the configured models, or the built-in ones if none are configured."""
    settings = _settings(**flags)
    if log_level is None:
        logging.getLogger("backends").setLevel(logging.INFO)

    try:
        with logging_to_stderr((log_level or "warning").upper()), _bind(settings) as address:
            run(settings, address, lambda models: announce(url(address), settings, models))
    # Not `except*`: before Python 3.11.4 an exception raised inside it is wrapped in a new group.
    except ExceptionGroup as group:
        failed, others = group.split(ModelNotOpened)
        if failed is None or others is not None:
            raise
        log.debug("start failed", exc_info=group)
        raise click.ClickException("\n".join(map(str, failed.exceptions))) from group


@main.command()
@_options
def check(**flags: Any) -> None:
    """Validate the settings and print what would be served; no model is loaded.

    Exits with status 1 for an invalid setting, and for a model whose engine, directory or precision
    is not available.
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
