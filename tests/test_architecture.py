"""The directions of imports, and a docstring at the head of every file."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("shim", "backends", "evals")
FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
SEAM = {
    f"backends.{name}"
    for name in (
        "addresses",
        "base",
        "cluster_config",
        "clustered_registry",
        "config",
        "conversation",
        "failures",
        "fetching",
        "registry",
        "stamp",
        "whisper_options",
        "catalogue.cache",
        "catalogue.entries",
        "catalogue.failures",
        "catalogue.pull",
        "catalogue.served",
    )
}
"""The modules of `backends` that `shim` may import."""

FLOORS: tuple[set[str], ...] = (
    {"errors", "limits", "environment", "suggestions", "key_settings", "batch_settings"},
    # Used on all floors.
    {"serving.request_record", "serving.deadline", "serving.retry_schedule"},
    {"logs"},
    {"parameters", "settings"},
    {"http", "serving"},
    {"exchanges"},
    {"batches"},
    {"api", "runtime"},
    {"app"},
    {"reloading"},
    {"admin"},
    {"server", "welcome", "pulling"},
    {"binding"},
    {"replaying"},
    {"cli"},
    {"__main__"},
)
"""Modules and packages of `shim`: each imports only from floors before its own."""

SHARED = {"generation", "openapi.operation", "remote", "full_queues"}
"""Parts of `shim.api` that every route may import: what all text routes have in common, the type
by which a handler describes its route, the way to models on other servers, and what refuses
requests before they are read."""

ROUTES = {
    # A model that transcribes answers both, with the same options and the same errors.
    "chat": {"speech"},
    "responses": {"speech"},
    # A recording in a chat is transcribed as an uploaded one is.
    "speech": {"transcription"},
    # A full queue must not show a model that the client's key may not use.
    "full_queues": {"visible_models"},
}
"""Further parts of `shim.api` that a part may import."""

ENGINES = {"vllm", "faster_whisper", "ctranslate2", "torch", "transformers", "ray"}


def imports(file: Path) -> Iterator[str]:
    """Yield the absolute names that *file* imports, wherever in it."""
    package = file.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *(node.module or "").split("."))).strip(".")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def module_of(file: Path) -> str:
    """Return the dotted name of *file*."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def ours(file: Path) -> set[str]:
    """Return the imports of *file* that are modules of this project."""
    return set(imports(file)) & MODULES


MODULES = {module_of(file) for file in FILES}


def package_of(file: Path) -> str:
    """Return the top-level package that *file* belongs to."""
    return file.relative_to(ROOT).parts[0]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_go_one_way(file: Path) -> None:
    """`backends` and `evals` import only themselves, `shim` also the seam."""
    allowed = {
        "backends": lambda name: name.startswith("backends"),
        "shim": lambda name: name.startswith("shim") or name in {*SEAM, "backends"},
        "evals": lambda name: name.startswith("evals"),
    }[package_of(file)]

    breaches = {name for name in ours(file) if not allowed(name)}

    assert not breaches


@cache
def within_shim() -> frozenset[tuple[str, str]]:
    """Return (module, imported module) for each import within `shim`; both without `shim.`."""
    return frozenset(
        (module_of(file).removeprefix("shim."), name.removeprefix("shim."))
        for file in FILES
        if package_of(file) == "shim"
        for name in ours(file)
        if name.startswith("shim.")
    )


def part_of(module: str) -> str:
    """Return the part of `shim`, as in `FLOORS`, that *module* belongs to."""
    return module if any(module in parts for parts in FLOORS) else module.partition(".")[0]


def test_no_import_of_shim_goes_up() -> None:
    """A part of `shim` imports from lower floors: `http` and `serving` do not know each other."""
    number = {part: number for number, parts in enumerate(FLOORS) for part in parts}

    breaches = {
        (module, name)
        for module, name in within_shim()
        if (part := part_of(module)) != part_of(name) and number[part] <= number[part_of(name)]
    }

    assert not breaches


def test_routes_do_not_import_each_other() -> None:
    """What two routes need is in `generation`; the exceptions are listed above."""
    breaches = {
        (module, name)
        for module, name in within_shim()
        if module.startswith("api.") and name.startswith("api.") and not may(module, name)
    }

    assert not breaches


def may(module: str, name: str) -> bool:
    """Return whether *module* of `shim.api` may import *name* of `shim.api`."""
    route, part = module.split(".")[1], name.removeprefix("api.")
    allowed = {route, *ROUTES.get(route, ())}
    # What all routes share imports none of them.
    if route not in {shared.partition(".")[0] for shared in SHARED}:
        allowed |= SHARED
    return any(part == each or part.startswith(f"{each}.") for each in allowed)


def test_engines_are_imported_when_opened() -> None:
    """The whole server is imported without any engine: installing without one must work."""
    code = f"import sys, shim.app; print(*{ENGINES} & sys.modules.keys())"

    loaded = subprocess.check_output([sys.executable, "-c", code], text=True)  # noqa: S603

    assert loaded.split() == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_file_says_what_belongs_in_it(file: Path) -> None:
    """A file begins with a docstring, whose first line is a sentence."""
    docstring = ast.get_docstring(ast.parse(file.read_text()))

    assert docstring
    assert docstring.splitlines()[0].endswith((".", "…"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_groups_are_split_by_hand(file: Path) -> None:
    """Python before 3.11.4 wraps what is raised in `except*` once more, later ones do not."""
    assert not any(isinstance(node, ast.TryStar) for node in ast.walk(ast.parse(file.read_text())))


def test_the_walk_sees_a_breach() -> None:
    """The tests above can fail: an adapter imports what `shim` may not, a chat what others may."""
    adapter = ROOT / "backends" / "whisper" / "adapter.py"

    assert "backends.audio.decode" in ours(adapter)
    assert "faster_whisper" in set(imports(adapter))
    assert ("api.chat.controller", "api.speech.answer") in within_shim()
    assert may("api.chat.controller", "api.speech.answer")
    assert not may("api.completions.controller", "api.speech.answer")
    assert not may("api.openapi.document", "api.chat.protocol")
