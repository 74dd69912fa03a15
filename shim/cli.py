"""`shim serve | check | models`: arguments → Settings → server."""

import logging
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from . import __version__
from .server import run
from .settings import Settings, SettingsError, load, parse_model

out = Console(highlight=False, soft_wrap=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="shim")
def main() -> None:
    """OpenAI's API in front of models on your own machines."""


def _options(command: Any) -> Any:
    """Give *command* the flags that make up the settings."""
    for option in (
        click.option("--config", type=click.Path(path_type=Path), envvar="SHIM_CONFIG"),
        click.option("--host", help="Address to bind; loopback unless told otherwise."),
        click.option("--port", type=int, help="Port to bind; 0 takes a free one."),
        click.option("--api-key", "api_keys", multiple=True, help="May repeat."),
        click.option("--allow-keyless", is_flag=True, default=None),
        click.option("--model", "models", multiple=True, metavar="ID=BACKEND:SOURCE"),
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


@main.command()
@_options
@click.option("--log-level", default="warning", type=click.Choice(["info", "warning", "debug"]))
def serve(log_level: str, **flags: Any) -> None:
    """Serve the configured models, or the built-in ones if none are."""
    settings = _settings(**flags)
    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(name)s %(message)s")

    def announce(url: str) -> None:
        _announce(url, settings)

    if not run(settings, announce):
        sys.exit(1)


@main.command()
@_options
def check(**flags: Any) -> None:
    """Validate a configuration and say what would be served."""
    settings = _settings(**flags)
    server = settings.server
    keys = f"{len(server.api_keys)} keys" if server.api_keys else "no key"
    out.print(f"http://{server.host}:{server.port}/v1, {keys}")
    out.print(_table(settings))


def _announce(url: str, settings: Settings) -> None:
    """Say where the server listens and how to try it."""
    base = f"{url}/v1"
    key = settings.server.api_keys and "YOUR_KEY"
    header = f" -H 'Authorization: Bearer {key}'" if key else ""
    out.print(f"Shim listens on {base}")
    out.print(_table(settings))
    out.print(f"curl{header} {base}/models")
    out.print(f"python: openai.OpenAI(base_url={base!r}, api_key={key or 'none'!r})")


def _table(settings: Settings) -> Table:
    table = Table("model", "aliases", "backend", "source", box=None)
    for model in settings.models:
        backend = type(model).__struct_config__.tag
        table.add_row(model.id, ", ".join(model.aliases), str(backend), model.source)
    return table
