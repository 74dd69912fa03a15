"""What is served and how: one TOML file, then the environment, then flags, in one schema."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from backends.config import BUILTIN, ModelConfig, names

from .limits import Limits

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


_LISTS = {field.name for field in msgspec.structs.fields(ServerSettings) if field.default == ()}


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
    layers = [_read(file) if file else {}, _from_environment(environment), flags or {}]
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = _merged(merged, layer)
    try:
        # Not strict: the environment only has strings.
        settings = msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error).replace("`", "")) from error
    _check_names(settings)
    _check_exposure(settings.server)
    return settings


def parse_model(text: str) -> dict[str, Any]:
    """Turn the short form `ID=BACKEND:SOURCE` into a `[[models]]` table."""
    match = re.fullmatch(r"(?P<id>[^=]+)=(?P<backend>[^:]+):(?P<source>.+)", text)
    if match is None:
        raise SettingsError(f"Expected ID=BACKEND:SOURCE, got {text!r} - at --model")
    return match.groupdict()


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise SettingsError(f"{file}: {error}") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Every field of `[server]` has its variable: `SHIM_PORT`, `SHIM_LIMITS_MESSAGES`.

    Values of a list are separated by commas: `SHIM_API_KEYS=a,b`.
    """
    server = _variables(environment, ServerSettings, "SHIM_")
    if limits := _variables(environment, Limits, "SHIM_LIMITS_"):
        server["limits"] = limits
    for name in _LISTS & server.keys():
        server[name] = [item.strip() for item in server[name].split(",") if item.strip()]
    return {"server": server} if server else {}


def _variables(environment: Mapping[str, str], kind: type[Struct], prefix: str) -> dict[str, Any]:
    return {
        name: environment[variable]
        for name in kind.__struct_fields__
        if (variable := f"{prefix}{name.upper()}") in environment
    }


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
            f"Serving on {server.host} without a key lets anyone in: set api_keys, or "
            "allow_keyless = true - at $.server.host"
        )
