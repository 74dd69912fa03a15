"""Environments with the wheel in them: which Pythons there are, and which versions go in."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

PACKAGES = ("shim", "backends", "evals")

PINS = (ROOT / "requirements" / "test.txt").read_text()

TOOLS = ("pytest", "pytest-asyncio", "pytest-timeout", "hypothesis", "psutil", "soundfile")
"""What the tests import, of `requirements/test.in`; its versions are those of the pins."""

UV = Path(sys.executable).with_name("uv")


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the project installed."""

    name: str
    """The version of Python, and which versions of the dependencies."""
    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"


def python(version: str) -> str | None:
    """Return a Python of that version, such as "3.12"; None where there is none.

    It is `python3.12` on the PATH; where that is pyenv's, the variable chooses the version.
    """
    if (command := shutil.which(f"python{version}")) is None:
        return None
    found = subprocess.run(  # noqa: S603
        [command, "-c", "import sys; print(sys.executable)"],
        env={**os.environ, "PYENV_VERSION": version},
        capture_output=True,
        text=True,
        check=False,
    )
    return None if found.returncode else found.stdout.strip()


def built(folder: Path) -> tuple[Path, Path]:
    """Build the sdist, and of it the wheel; return both.

    Of a copy: setuptools would take what earlier builds have left beside the sources.
    """
    sources = folder / "sources"
    sources.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, sources)
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, sources / name, ignore=ignored)
    uv("build", "--no-build-isolation", "--python", sys.executable, "-o", folder / "dist", sources)
    (sdist,), (wheel,) = (list((folder / "dist").glob(f"*.{end}")) for end in ("tar.gz", "whl"))
    return sdist, wheel


def installed(
    folder: Path, interpreter: str, name: str, *, wheel: Path, oldest: bool, extra: str = ""
) -> Environment:
    """Install *wheel* as a user does, with the *oldest* or the newest direct dependencies.

    *extra*: "[ray]" for the optional dependencies of that name.
    """
    environment = Environment(name, folder)
    uv("venv", "--python", interpreter, folder)
    into = ("pip", "install", "--python", environment.python)
    uv(
        *into,
        f"evalshim{extra} @ {wheel.as_uri()}",
        *(_oldest(folder, environment.python) if oldest else ()),
    )
    # The tests' tools must not move what they test.
    kept = folder / "installed.txt"
    frozen = uv("pip", "freeze", "--exclude-editable", "--python", environment.python)
    kept.write_text("".join(f"{line}\n" for line in frozen.splitlines() if "@" not in line))
    uv(*into, "--constraints", kept, *_tools())
    return environment


def installed_by_pip(folder: Path, interpreter: str, name: str, *, source: Path) -> Environment:
    """Install *source*, a wheel or an sdist, by the pip that came with the Python."""
    environment = Environment(name, folder)
    _run(interpreter, "-m", "venv", folder)
    _run(environment.python, "-m", "pip", "install", "--quiet", source, *_tools())
    return environment


def _oldest(folder: Path, interpreter: Path) -> tuple[str | Path, ...]:
    """Return uv's flags for the lowest versions that `pyproject.toml` takes.

    uv's own flag would not do: to it, the dependencies of a wheel are not direct ones.
    """
    lowest = folder / "lowest.txt"
    uv(
        *("pip", "compile", "--resolution", "lowest-direct", "--no-annotate", "--no-header"),
        *("--python", interpreter, "--output-file", lowest, ROOT / "pyproject.toml"),
    )
    return "--constraints", lowest


def _tools() -> list[str]:
    """Return the tests' tools as requirements, in the versions of the pins."""
    pinned = {tool: re.search(rf"(?m)^{tool}==[^ ;]+", PINS) for tool in TOOLS}
    return [match.group() for match in pinned.values() if match]


def uv(*arguments: str | Path) -> str:
    """Run uv; return its output. Raises CalledProcessError."""
    return _run(UV, *arguments, "--quiet")


def _run(*command: str | Path) -> str:
    # uv does not read pip's list of local wheels.
    local = {"UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", ""), **os.environ}
    return subprocess.run(  # noqa: S603
        command, env=local, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
