"""The tests against the wheel as users install it, in several Pythons, oldest and newest versions.

`python -m tools.wheel` builds sdist and wheel, installs them into environments that it throws away,
and runs there all tests that need neither vLLM nor the sources. `--smoke` runs the stock client's
chats and transcriptions, in few of the environments. It fails where a test does.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.wheel.environments import (
    PACKAGES,
    ROOT,
    Environment,
    built,
    installed,
    installed_by_pip,
    python,
)

PYTHONS = "3.11,3.12,3.13"

SMOKE = ("test_chat.py", "test_models.py", "test_transcription.py")

LEFT_OUT = re.compile(
    r"^(from|import) (tools|schemathesis|jsonschema_rs|playwright)\b|\bROOT /", re.MULTILINE
)
"""Matches a file of tests that reads the sources, which a wheel does not have, or that imports a
tool which only the tests of vLLM, or of pages, need."""

WHERE = f"""
import {", ".join(PACKAGES)}, importlib.metadata, os, sys
for package in ({", ".join(PACKAGES)}):
    if not package.__file__.startswith(sys.prefix):
        sys.exit(f"not the installed package: {{package.__file__}}")
    if not os.path.exists(os.path.join(*package.__path__, "py.typed")):
        sys.exit(f"no py.typed in {{package.__name__}}")
if not importlib.metadata.distribution("evalshim").read_text("licenses/LICENSE"):
    sys.exit("the wheel has no LICENSE")
"""


def main() -> int:
    """Run everything; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pythons", default=PYTHONS, help=f"versions, with commas ({PYTHONS})")
    parser.add_argument("--smoke", action="store_true", help="a few tests in few environments")
    parser.add_argument("tests", nargs="*", help="instead of all: paths below tests/")
    given = parser.parse_args()
    versions = {version: python(version) for version in given.pythons.split(",")}
    missing = [version for version, found in versions.items() if found is None]
    results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tests = given.tests or ([f"tests/client/{file}" for file in SMOKE] if given.smoke else [])
        workplace = _workplace(folder)
        for environment in _environments(folder, versions, smoke=given.smoke):
            results[environment.name] = _tested(environment, workplace, tests)
            shutil.rmtree(environment.folder)
    for version in missing:
        print(f"{version}: NOT TESTED, there is no python{version} on the PATH")
    for environment_name, status in results.items():
        print(f"{environment_name}: {'passed' if not status else f'FAILED ({status})'}")
    return int(any(results.values()) or not results)


def _environments(
    folder: Path, versions: dict[str, str | None], *, smoke: bool
) -> Iterator[Environment]:
    """Yield one after the other: the newest versions, the oldest, the sdist.

    Of a smoke test: the newest in the last Python, the oldest in the first, and no sdist. Else the
    newest have Ray, for the tests on a cluster.
    """
    sdist, wheel = built(folder)
    found = [(version, path) for version, path in versions.items() if path]
    for version, path in found[-1:] if smoke else found:
        name, extra = (version, "") if smoke else (f"{version} with Ray", "[ray]")
        yield installed(
            folder / "new", path, f"{name}, newest", wheel=wheel, oldest=False, extra=extra
        )
    for version, path in found[:1] if smoke else found:
        yield installed(folder / "old", path, f"{version}, oldest", wheel=wheel, oldest=True)
    if not smoke:
        version, path = found[-1]
        yield installed_by_pip(folder / "pip", path, f"{version}, the sdist by pip", source=sdist)


def _workplace(folder: Path) -> Path:
    """Return a folder with the tests but not with the packages that they test.

    Nor with those of real models, which say nothing of a wheel that those of the toys do not.
    """
    workplace = folder / "workplace"
    ignored = shutil.ignore_patterns("__pycache__", "real")
    shutil.copytree(ROOT / "tests", workplace / "tests", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", workplace)
    for file in (workplace / "tests").rglob("test_*.py"):
        if LEFT_OUT.search(file.read_text()):
            file.unlink()
    return workplace


def _tested(environment: Environment, workplace: Path, tests: list[str]) -> int:
    """Run *tests*, or all, against what is installed there; return pytest's exit status."""
    print(f"── {environment.name}", flush=True)
    # CI would have the tests of vLLM fail where it is missing, as it is here on purpose.
    clean = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTHONPATH")}
    options = ["-q", "-m", "not slow", "-p", "no:cacheprovider"]
    for command in (["-c", WHERE], ["-m", "pytest", *options, *tests]):
        ended = subprocess.run(  # noqa: S603
            [environment.python, *command], cwd=workplace, env=clean, check=False
        )
        if ended.returncode:
            return ended.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
