"""Reads settings from `SHIM_…` variables, and ignores those that container platforms set."""

import logging
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from msgspec import Struct
from msgspec.structs import fields

log = logging.getLogger(__name__)

PREFIX = "SHIM_"
_ELSEWHERE = {"SHIM_CONFIG"}
"""Variables that are read, but not here: the command line's."""

_LINK = re.compile(r"SHIM_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://")
"""Kubernetes sets `SHIM_SERVICE_HOST`, `SHIM_PORT=tcp://…` and more for a service named `shim`."""

_NEAR = 0.8
"""How alike two names must be for one to be a slip of the other, 0 to 1 (`difflib`)."""


class UnknownVariable(ValueError):
    """A variable whose name is nearly one of ours; the message says which."""


def from_environment(
    environment: Mapping[str, str], server: type[Struct], limits: type[Struct]
) -> dict[str, Any]:
    """Return the table that the variables for the fields of *server* and *limits* make up.

    Every field has its own: `SHIM_PORT`, `SHIM_LIMITS_MESSAGES`. Values of a list are separated by
    commas: `SHIM_API_KEYS=a,b`. An empty variable counts as not set. Raises UnknownVariable.
    """
    given = {name: value for name, value in environment.items() if _is_meant_for_us(name, value)}
    names = variables(server, PREFIX) | variables(limits, f"{PREFIX}LIMITS_")
    for name in given.keys() - names.keys() - _ELSEWHERE:
        _refuse_slip(name, [*names, *_ELSEWHERE])
    found: dict[str, Any] = _table(given, variables(server, PREFIX))
    if bounds := _table(given, variables(limits, f"{PREFIX}LIMITS_")):
        found["limits"] = bounds
    for field in fields(server):
        if field.default == () and field.name in found:
            found[field.name] = [
                word for item in found[field.name].split(",") if (word := item.strip())
            ]
    return {"server": found} if found else {}


def variables(kind: type[Struct], prefix: str) -> dict[str, str]:
    """Return the variable of each field of *kind*, and the field: `SHIM_PORT` → `port`."""
    return {f"{prefix}{name.upper()}": name for name in kind.__struct_fields__ if name != "limits"}


def _table(given: Mapping[str, str], names: Mapping[str, str]) -> dict[str, Any]:
    return {field: given[variable] for variable, field in names.items() if variable in given}


def _is_meant_for_us(name: str, value: str) -> bool:
    if not name.upper().startswith(PREFIX) or not value or _LINK.fullmatch(name):
        return False
    if _LINK_VALUE.match(value):
        log.warning("%s=%s is a link that Kubernetes sets: ignored", name, value)
        return False
    return True


def _refuse_slip(name: str, known: list[str]) -> None:
    if near := get_close_matches(name.upper(), known, n=1, cutoff=_NEAR):
        raise UnknownVariable(f"{name} is not a setting: did you mean {near[0]}?")
    log.warning("%s is not a setting of Shim: ignored", name)
