"""Prints the server's address and models on the command line, and commands to try them."""

import json
import shlex
import shutil
import sys
from pathlib import Path

import click

from backends.base import ChatBackend
from backends.config import BUILTIN, ModelConfig, RemoteModelConfig, is_local, names
from shim.serving.models import Models

from .settings import Settings

_PULL = (
    "  These are toys; `shim pull small` fetches real models: whisper-tiny.en and\n"
    "  smollm2-135m-instruct, and all-minilm-l6-v2 for vLLM (250 MB)."
)


def announce(url: str, settings: Settings, models: Models) -> None:
    """Print the base URL, the models, and a command each in shell and Python to try them.

    *url* has no `/v1`. The base URL is the first line, because programs that start a server look
    for it.
    """
    click.echo(f"Shim listens on {url}/v1")
    show_models(settings)
    if settings.models == BUILTIN:
        click.echo(_PULL)
    key = "YOUR_KEY" if settings.server.needs_key else None
    # Chat needs no file. Only open backends show whether a vLLM model can chat.
    chat = next((m.id for m in models.served if isinstance(m.backend, ChatBackend)), None)
    click.echo("\nTry it:")
    click.echo(_curl(f"{url}/v1", key, chat))
    click.echo(_python(f"{url}/v1", key, chat))


def show_models(settings: Settings) -> None:
    """Print a line for every model: its names, its backend and its source."""
    served = [", ".join(names(model)) for model in settings.models]
    width = max(map(len, served), default=0)
    for name, model in zip(served, settings.models, strict=True):
        place = _origin(model) if settings.cluster is None else _replicas(model)
        click.echo(f"  {name:<{width}}  {_backend(model)}:{_source(model)}{place}")


def _replicas(model: ModelConfig) -> str:
    """Return how many replicas *model* has in the cluster; a remote one is not there."""
    if isinstance(model, RemoteModelConfig):
        return ""
    if (scaling := model.cluster.autoscaling) is not None:
        return f"  ({scaling.min} to {scaling.max} replicas)"
    count = model.cluster.replicas
    return f"  ({count} {'replica' if count == 1 else 'replicas'})"


def _origin(model: ModelConfig) -> str:
    """Return a remark if the source is not a local path: a wrong path looks like a hub name."""
    return "" if is_local(model) else "  (from the model hub; no such directory here)"


def _source(model: ModelConfig) -> str:
    if isinstance(model, RemoteModelConfig):
        return ", ".join(upstream.url for upstream in model.upstreams)
    return model.source


def _backend(model: object) -> str:
    return str(type(model).__struct_config__.tag)  # type: ignore[attr-defined]


def _messages() -> list[dict[str, str]]:
    return [{"role": "user", "content": "What is 3 plus 4?"}]


def _curl(base: str, key: str | None, chat: str | None) -> str:
    auth = f" -H 'Authorization: Bearer {key}'" if key else ""
    if chat is None:
        return f"  curl {base}/models{auth}"
    body = shlex.quote(json.dumps({"model": chat, "messages": _messages()}))
    return f"  curl {base}/chat/completions{auth} -H 'Content-Type: application/json' -d {body}"


def _python(base: str, key: str | None, chat: str | None) -> str:
    client = f"OpenAI(base_url={base!r}, api_key={key or 'none'!r})"
    call = (
        "models.list()"
        if chat is None
        else f"chat.completions.create(model={chat!r}, messages={_messages()})"
        ".choices[0].message.content"
    )
    # Python's own quotes are single, so that the shell can have double quotes around the code.
    return f'  {interpreter()} -c "from openai import OpenAI; print({client}.{call})"'


def interpreter() -> str:
    """Return the shortest shell command for this Python, which has the `openai` package.

    This is its name if the shell finds it by that, as in an activated environment; its relative
    path if it is below the current directory; otherwise its whole path.
    """
    python = Path(sys.executable)
    for name in ("python", "python3"):
        if (path := shutil.which(name)) and Path(path).parent == python.parent:
            return name
    below = python.is_relative_to(Path.cwd())
    return shlex.quote(str(python.relative_to(Path.cwd()) if below else python))
