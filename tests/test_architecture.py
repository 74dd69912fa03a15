"""One direction of imports, and one sign on every room."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("shim", "backends", "evals")
FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
SEAM = {
    f"backends.{name}"
    for name in ("base", "config", "conversation", "failures", "registry", "whisper_options")
}
ENGINES = {"vllm", "faster_whisper", "ctranslate2", "torch", "transformers"}


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


def ours(file: Path) -> set[str]:
    """Return the imports of *file* that are modules of this project."""
    known = {".".join(f.relative_to(ROOT).with_suffix("").parts) for f in FILES}
    known = {name.removesuffix(".__init__") for name in known}
    return set(imports(file)) & known


def package_of(file: Path) -> str:
    """Return the top-level package that *file* belongs to."""
    return file.relative_to(ROOT).parts[0]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_go_one_way(file: Path) -> None:
    """`backends` knows none of us, `shim` only the seam, `evals` only HTTP."""
    allowed = {
        "backends": lambda name: name.startswith("backends"),
        "shim": lambda name: name.startswith("shim") or name in {*SEAM, "backends"},
        "evals": lambda name: name.startswith("evals"),
    }[package_of(file)]

    breaches = {name for name in ours(file) if not allowed(name)}

    assert not breaches


def test_engines_are_imported_when_opened() -> None:
    """The whole server is imported without any engine: installing without one must work."""
    code = f"import sys, shim.app; print(*{ENGINES} & sys.modules.keys())"

    loaded = subprocess.check_output([sys.executable, "-c", code], text=True)  # noqa: S603

    assert loaded.split() == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_room_has_a_sign(file: Path) -> None:
    """The first line of a file says what belongs inside."""
    sign = ast.get_docstring(ast.parse(file.read_text()))

    assert sign
    assert sign.splitlines()[0].endswith((".", "…"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_groups_are_split_by_hand(file: Path) -> None:
    """Python before 3.11.4 wraps what is raised in `except*` once more, later ones do not."""
    assert not any(isinstance(node, ast.TryStar) for node in ast.walk(ast.parse(file.read_text())))


def test_the_walk_sees_a_breach() -> None:
    """The test above can fail: an adapter imports what the HTTP side may not."""
    adapter = ROOT / "backends" / "whisper" / "adapter.py"

    assert "backends.audio.decode" in ours(adapter)
    assert "faster_whisper" in set(imports(adapter))
