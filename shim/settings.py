"""What is served and how: one TOML file, then the environment, then flags, in one schema."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from backends.config import BUILTIN, ModelConfig, names

from .environment import UnknownVariable, from_environment
from .limits import Limits
from .suggestions import hint

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

ApiKey = Annotated[str, Meta(min_length=1, pattern=r"^(sha256:[0-9a-f]{64}|(?!sha256:)\S+)$")]
"""A key as clients send it, or `sha256:` and the hex digest of one."""

Origin = Annotated[str, Meta(pattern=r"^(\*|[a-z][a-z0-9+.-]*://[^/]+)$")]


class SettingsError(ValueError):
    """A setting that was refused; the message names its path."""


class ServerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[server]` table."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    """0 takes a free one."""
    api_keys: tuple[ApiKey, ...] = ()
    api_key_file: str | None = None
    """A file with further keys, one a line."""
    allow_keyless: bool = False
    """Serve beyond loopback although no key is set."""
    allowed_hosts: tuple[str, ...] = ()
    """Further names that a `Host` header may have on a server without a key; on loopback its own
    are allowed already, beyond it all are unless some are named here."""
    cors_origins: tuple[Origin, ...] = ()
    """Web pages that may use this server: `https://host[:port]`, or `*` for all."""
    strict: bool = False
    """Refuse parameters that nobody documents, instead of ignoring them."""
    tokenizer_needs_key: bool = False
    """Whether `/tokenize` and its like ask for a key; harnesses that count tokens send none."""
    shutdown_seconds: Annotated[float, Meta(ge=0)] = 30.0
    """How long running requests may take to end once the server is told to stop."""
    limits: Limits = Limits()


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole configuration."""

    server: ServerSettings = ServerSettings()
    models: tuple[ModelConfig, ...] = BUILTIN


def load(
    file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Return the settings of *file*, overridden by `SHIM_…` variables, overridden by *flags*.

    *flags* has the file's own shape. Raises SettingsError with the path of the first fault.
    """
    try:
        variables = from_environment(environment, ServerSettings, Limits)
    except UnknownVariable as error:
        raise SettingsError(str(error)) from error
    merged: dict[str, Any] = {}
    for layer in (_read(file) if file else {}, variables, flags or {}):
        merged = _merged(merged, layer)
    try:
        # Not strict: the environment only has strings.
        settings = msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        message = f"{error}{hint(str(error), Settings)}".replace("`", "")
        raise SettingsError(message + _source(message, environment)) from error
    settings = _with_key_file(settings)
    _check_names(settings)
    _check_exposure(settings.server)
    return settings


def parse_model(text: str) -> dict[str, Any]:
    """Turn the short form `ID=BACKEND:SOURCE` into a `[[models]]` table."""
    match = re.fullmatch(r"(?P<id>[^=]+)=(?P<backend>[^:]+):(?P<source>.+)", text)
    if match is None:
        raise SettingsError(f"Expected ID=BACKEND:SOURCE, got {text!r} - at --model")
    return match.groupdict()


def _source(message: str, environment: Mapping[str, str]) -> str:
    """Return which variable a fault's path belongs to, if that one is set."""
    path = re.search(r"\$\.server\.(\w+)(?:\.(\w+))?", message)
    name = "SHIM_" + "_".join(filter(None, path.groups())).upper() if path else ""
    return f" ({name})" if name in environment else ""


def _with_key_file(settings: Settings) -> Settings:
    """Return *settings* with the keys of its key file. Raises SettingsError; repeats no key."""
    server = settings.server
    if server.api_key_file is None:
        return settings
    file = Path(server.api_key_file)
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
        keys = msgspec.convert([line.strip() for line in lines if line.strip()], tuple[ApiKey, ...])
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror} - at $.server.api_key_file") from error
    except ValueError as error:  # not UTF-8, or no key
        raise SettingsError(f"{file} has a line that is no key: one key a line") from error
    if not keys:
        raise SettingsError(f"{file} holds no key - at $.server.api_key_file")
    both = tuple(dict.fromkeys((*server.api_keys, *keys)))
    return replace(settings, server=replace(server, api_keys=both))


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise SettingsError(f"{file}: {error}") from error


def _merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(below)
    for name, value in above.items():
        old = both.get(name)
        both[name] = (
            _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return both


def _check_names(settings: Settings) -> None:
    seen: set[str] = set()
    for at, model in enumerate(settings.models):
        for name in names(model):
            if name in seen:
                raise SettingsError(f"The name {name!r} is taken twice - at $.models[{at}]")
            seen.add(name)


def _check_exposure(server: ServerSettings) -> None:
    if not server.api_keys and server.host not in LOOPBACK and not server.allow_keyless:
        raise SettingsError(
            f"Serving on {server.host} without a key lets anyone in: set api_keys or "
            "api_key_file, or allow_keyless = true - at $.server.host"
        )
