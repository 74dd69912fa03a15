"""Loads the settings: a TOML file, overridden by the environment, overridden by flags.

A little longer than a file should be, so that the settings and what is refused of them are in one
place.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import force_setattr, replace

from backends.cluster_config import ClusterConfig, Replication
from backends.config import BUILTIN, ModelConfig, RemoteModelConfig, VllmModelConfig, names

from .batch_settings import BatchSettings
from .environment import UnknownVariable, from_environment
from .key_settings import ApiKey, NamedKey, RateLimits, hashed
from .limits import Limits
from .logs import LogFormat
from .suggestions import hint

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Hosts on which only this machine can reach the server."""

Origin = Annotated[str, Meta(pattern=r"^(\*|[a-z][a-z0-9+.-]*://[^/]+)$")]
"""The scheme and host of web pages, as in an `Origin` header, or `*`."""


class SettingsError(ValueError):
    """An invalid setting; the message has its path."""


class ServerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[server]` table."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    """The port; 0 means any free one."""
    api_keys: tuple[ApiKey, ...] = ()
    """Digests of the keys without a name, also of those that the settings have in plain."""
    api_key_file: str | None = None
    """A file with further keys, one on each line."""
    keys: tuple[NamedKey, ...] = ()
    """The keys with a name."""
    rate_limits: RateLimits = RateLimits()
    """The rate limits of each key that has none of its own; without keys, of all clients."""
    allow_keyless: bool = False
    """Whether a server without keys may listen beyond loopback."""
    allowed_hosts: tuple[str, ...] = ()
    """Further names that a `Host` header may have on a server without keys. On loopback its own
    names are always allowed. Beyond loopback all names are allowed if this is empty."""
    cors_origins: tuple[Origin, ...] = ()
    """Web pages that may use this server: `https://host[:port]`, or `*` for all."""
    allowed_media_hosts: tuple[str, ...] = ()
    """Hosts, names or addresses, that `file_url` of a transcription may be fetched from."""
    strict: bool = False
    """Whether undocumented parameters are refused instead of ignored."""
    allow_faults: bool = False
    """Whether the header `x-shim-fault` is honoured, by which clients order faults to test their
    retries; else it is refused."""
    tokenizer_needs_key: bool = False
    """Whether the routes of the tokenizer need a key; harnesses that count tokens send none."""
    single_flight: bool = True
    """Whether a request gets the answer that the client of an earlier, equal one has timed out
    for; otherwise a time-out cancels the work."""
    deadline_seconds: Annotated[float, Meta(gt=0)] | None = None
    """Seconds for which a client waits that does not send its time-out."""
    request_seconds: Annotated[float, Meta(gt=0)] | None = None
    """Most seconds of a request, waiting included; a longer one is ended."""
    log_format: LogFormat = "text"
    """How the log is written."""
    tracing: bool = False
    """Whether a span of each request is sent to a collector of OpenTelemetry's."""
    record: str | None = None
    """The folder that all exchanges are recorded in; None: they are not recorded."""
    record_bytes: Annotated[int, Meta(ge=0)] = 10 << 30
    """Most bytes of that folder: an exchange beyond them is answered and not recorded."""
    answer_cache: str | None = None
    """The folder of answers to requests that have only one; None: no answer is kept."""
    answer_cache_bytes: Annotated[int, Meta(ge=1024)] = 1 << 30
    """Bytes of that folder, above which the answers are removed that are longest unused."""
    shutdown_seconds: Annotated[float, Meta(ge=0)] = 30.0
    """Most seconds that running requests may take to end when the server stops."""
    admin_port: Annotated[int, Meta(ge=0, le=65535)] | None = None
    """The port of `POST /admin/reload`, always on loopback; 0 means any free one; None: closed."""
    admin_key: ApiKey | None = None
    """The key of the admin port."""
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        """Replace plain keys by their digests, so that nothing can print them."""
        digests = tuple(dict.fromkeys(map(hashed, self.api_keys)))
        force_setattr(self, "api_keys", digests)
        if self.admin_key is not None:
            force_setattr(self, "admin_key", hashed(self.admin_key))

    @property
    def needs_key(self) -> bool:
        """Whether there are keys, so that requests need one."""
        return bool(self.api_keys or self.keys)


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings: those of the server, the models, the cluster, files and batches."""

    server: ServerSettings = ServerSettings()
    batches: BatchSettings = BatchSettings()
    cluster: ClusterConfig | None = None
    """The cluster of Ray's that the models are opened in; None: they are opened in this process."""
    models: tuple[ModelConfig, ...] = BUILTIN


def load(
    file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    flags: Mapping[str, Any] | None = None,
    *,
    models: tuple[ModelConfig, ...] = (),
    default: tuple[ModelConfig, ...] = BUILTIN,
) -> Settings:
    """Return the settings of *file*, overridden by `SHIM_…` variables, overridden by *flags*.

    *flags* has the shape of the file. *models*, if there are any, are served instead of the file's;
    *default* are served where neither names a model. Raises SettingsError for the first invalid
    setting.
    """
    try:
        variables = from_environment(
            environment,
            {"server": ServerSettings, "batches": BatchSettings},
            limits=Limits,
            rate_limits=RateLimits,
        )
    except UnknownVariable as error:
        raise SettingsError(str(error)) from error
    merged: dict[str, Any] = {}
    for layer in (_read(file) if file else {}, variables, flags or {}):
        merged = _merged(merged, layer)
    try:
        # Not strict: the environment has only strings.
        settings = msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        message = f"{error}{hint(str(error), Settings)}".replace("`", "")
        raise SettingsError(message + _source(message, environment)) from error
    if models or "models" not in merged:
        settings = replace(settings, models=models or default)
    settings = _with_key_file(settings)
    _check_names(settings)
    _check_keys(settings)
    _check_exposure(settings.server)
    _check_admin(settings.server)
    _check_tracing(settings.server)
    _check_cluster(settings)
    return settings


def parse_model(text: str) -> dict[str, Any]:
    """Return the `[[models]]` table for the short form `ID=BACKEND:SOURCE`.

    Raises SettingsError.
    """
    match = re.fullmatch(r"(?P<id>[^=]+)=(?P<backend>[^:]+):(?P<source>.+)", text)
    if match is None:
        raise SettingsError(f"Expected ID=BACKEND:SOURCE, got {text!r} - at --model")
    return match.groupdict()


def _source(message: str, environment: Mapping[str, str]) -> str:
    """Return the name of the variable that *message* is about, in brackets, or an empty text."""
    path = re.search(r"\$\.(?:server\.)?(\w+)(?:\.(\w+))?", message)
    name = "SHIM_" + "_".join(filter(None, path.groups())).upper() if path else ""
    return f" ({name})" if name in environment else ""


def _with_key_file(settings: Settings) -> Settings:
    """Return *settings* with the keys of its key file.

    Raises SettingsError, whose message never contains a key.
    """
    server = settings.server
    if server.api_key_file is None:
        return settings
    file = Path(server.api_key_file)
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
        keys = msgspec.convert([line.strip() for line in lines if line.strip()], tuple[ApiKey, ...])
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror} - at $.server.api_key_file") from error
    except ValueError as error:  # not UTF-8, or not a key
        raise SettingsError(f"{file} has a line that is not a key: write one a line") from error
    if not keys:
        raise SettingsError(f"{file} contains no key - at $.server.api_key_file")
    return replace(settings, server=replace(server, api_keys=(*server.api_keys, *keys)))


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
    for index, model in enumerate(settings.models):
        for name in names(model):
            if name in seen:
                raise SettingsError(f"The name {name!r} is used twice - at $.models[{index}]")
            seen.add(name)


def _check_keys(settings: Settings) -> None:
    """Raise SettingsError for two keys of one name, a key given twice, and an unknown model."""
    served = {name for model in settings.models for name in names(model)}
    seen_names: set[str] = set()
    seen_keys = set(settings.server.api_keys)
    for index, key in enumerate(settings.server.keys):
        path = f"$.server.keys[{index}]"
        if key.name in seen_names:
            raise SettingsError(f"The name {key.name!r} is used twice - at {path}.name")
        if key.key in seen_keys:
            raise SettingsError(f"The key of {key.name!r} is given twice - at {path}.key")
        for number, name in enumerate(key.models or ()):
            if name not in served:
                raise SettingsError(
                    f"No model {name!r} is served here - at {path}.models[{number}]"
                )
        seen_names.add(key.name)
        seen_keys.add(key.key)


def _check_exposure(server: ServerSettings) -> None:
    if not server.needs_key and server.host not in LOOPBACK and not server.allow_keyless:
        raise SettingsError(
            f"Serving on {server.host} without a key lets anyone in: set api_keys, "
            "api_key_file or keys, or allow_keyless = true - at $.server.host"
        )


def _check_admin(server: ServerSettings) -> None:
    if server.admin_port is not None and server.admin_key is None:
        raise SettingsError("The admin port needs a key: set admin_key - at $.server.admin_port")
    if server.admin_port and server.admin_port == server.port:
        raise SettingsError("The admin port must be another - at $.server.admin_port")


def _check_cluster(settings: Settings) -> None:
    """Raise SettingsError for replicas of a model on other servers, and for too few GPUs."""
    for index, model in enumerate(settings.models):
        replication, path = model.cluster, f"$.models[{index}].cluster"
        if isinstance(model, RemoteModelConfig) and replication != Replication():
            raise SettingsError(f"A model on other servers has no replicas here - at {path}")
        if not isinstance(model, VllmModelConfig):
            continue
        needed = model.options.get("tensor_parallel_size", 1)
        if isinstance(needed, int) and 0 < replication.num_gpus < needed:
            raise SettingsError(
                f"A replica with tensor_parallel_size {needed} needs as many GPUs "
                f"- at {path}.num_gpus"
            )


def _check_tracing(server: ServerSettings) -> None:
    if not server.tracing:
        return
    try:
        found = all(map(find_spec, ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")))
    except ModuleNotFoundError:  # of a package around it
        found = False
    if not found:
        raise SettingsError(
            "OpenTelemetry is not installed: pip install 'evalshim[otel]' - at $.server.tracing"
        )
