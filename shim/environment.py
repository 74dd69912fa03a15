"""Reads settings from `SHIM_…` variables, and ignores those that container platforms set."""

import logging
import re
from collections.abc import Mapping
from difflib import get_close_matches
from itertools import chain
from typing import Any

from msgspec import Struct
from msgspec.structs import fields

log = logging.getLogger(__name__)

PREFIX = "SHIM_"
_ELSEWHERE = {"SHIM_CONFIG", "SHIM_CACHE"}
"""Variables that other parts read: the command line, and the cache of pulled models."""

_SERVER = "server"
"""The table whose variables do not have its name in theirs."""

_TABLES = {"limits", "rate_limits", "keys"}
"""Fields of `[server]` that are tables, or lists of tables, and no variables of their own."""

_LINK = re.compile(r"SHIM_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
"""Names of the variables that Kubernetes sets for a service named `shim`, except `SHIM_PORT`."""

_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://")
"""The beginning of Kubernetes' value for `SHIM_PORT`."""

_SIMILARITY = 0.8
"""Least similarity of a misspelt name to the right one, from 0 to 1 (`difflib`)."""


class UnknownVariable(ValueError):
    """A variable whose name is similar to that of a setting; the message has both names."""


def from_environment(
    environment: Mapping[str, str],
    tables: Mapping[str, type[Struct]],
    **of_server: type[Struct],
) -> dict[str, Any]:
    """Return the settings in *environment*, in the shape of the settings file.

    Every field of the *tables* has a variable, and of the tables *of_server*: `SHIM_PORT` for
    `[server]`, `SHIM_BATCHES_DIRECTORY`, `SHIM_LIMITS_MESSAGES`. A list of tables
    (`[[server.keys]]`) has none. The values of another list are separated by commas:
    `SHIM_API_KEYS=a,b`. An empty variable counts as not set. Raises UnknownVariable for a misspelt
    name; other unknown names are logged.
    """
    ours = {name: value for name, value in environment.items() if _is_ours(name, value)}
    outer = {
        name: variables(kind, PREFIX if name == _SERVER else f"{PREFIX}{name.upper()}_")
        for name, kind in tables.items()
    }
    inner = {name: variables(kind, f"{PREFIX}{name.upper()}_") for name, kind in of_server.items()}
    names = {*chain(*outer.values(), *inner.values())}
    for name in ours.keys() - names - _ELSEWHERE:
        _refuse_misspelt(name, [*names, *_ELSEWHERE])
    read = {name: _read(ours, outer[name], kind) for name, kind in tables.items()}
    read[_SERVER] |= {name: found for name in inner if (found := _table(ours, inner[name]))}
    return {name: table for name, table in read.items() if table}


def _read(
    environment: Mapping[str, str], names: Mapping[str, str], kind: type[Struct]
) -> dict[str, Any]:
    """Return the fields of *kind* in *environment*; lists are split."""
    table: dict[str, Any] = _table(environment, names)
    for field in fields(kind):
        if field.default == () and field.name in table:
            items = table[field.name].split(",")
            table[field.name] = [item.strip() for item in items if item.strip()]
    return table


def variables(kind: type[Struct], prefix: str) -> dict[str, str]:
    """Return the variables of *kind*, each with its field: `SHIM_PORT` → `port`."""
    names = (name for name in kind.__struct_fields__ if name not in _TABLES)
    return {f"{prefix}{name.upper()}": name for name in names}


def _table(environment: Mapping[str, str], names: Mapping[str, str]) -> dict[str, Any]:
    return {field: environment[name] for name, field in names.items() if name in environment}


def _is_ours(name: str, value: str) -> bool:
    if not name.upper().startswith(PREFIX) or not value or _LINK.fullmatch(name):
        return False
    if _LINK_VALUE.match(value):
        log.warning("%s=%s is a link that Kubernetes sets: ignored", name, value)
        return False
    return True


def _refuse_misspelt(name: str, known: list[str]) -> None:
    if similar := get_close_matches(name.upper(), known, n=1, cutoff=_SIMILARITY):
        raise UnknownVariable(f"{name} is not a setting: did you mean {similar[0]}?")
    log.warning("%s is not a setting of Shim: ignored", name)
