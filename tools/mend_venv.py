"""Finds what is gone from `.venv/`, so that make installs it again: its stamps only say what was.

The Makefile runs it by the Python in there, without its packages, whenever it needs them:
`mend_venv.py .venv`; and `mend_venv.py .venv --record` when it has installed something. It uses
nothing but the standard library.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

UNUSABLE = 3
"""The exit status for an environment that has to be made anew."""

STATED = re.compile(r'^(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^,]*)),')
"""The path in a line of a distribution's RECORD; its hash and its size follow."""


def main() -> int:
    """Check the environment, or record what is in it; return the exit status."""
    venv, *record = sys.argv[1:]
    folder = Path(venv)
    if record:
        (folder / ".installed").write_text("\n".join(sorted(_names(folder))))
        return 0
    if reason := _unusable(folder):
        print(f"make: {venv} {reason}: it is made anew", file=sys.stderr)
        return UNUSABLE
    if gone := _gone(folder):
        print(
            f"make: {venv} has lost files of {', '.join(gone)}: installing again", file=sys.stderr
        )
        # Newer than the stamps, it has make run everything again.
        (folder / ".whole").touch()
    return 0


def _unusable(venv: Path) -> str | None:
    """Return why nothing that is in *venv* can be used; None if it can."""
    config = venv / "pyvenv.cfg"
    if not config.is_file() or not _site(venv).is_dir():
        return "has no packages for its Python"
    made = re.search(r"(?m)^command = .* -m venv (.*)$", config.read_text())
    # Scripts name their interpreter by its whole path.
    if made and not made[1].endswith(os.path.realpath(venv)):
        return f"was moved from {made[1]}"
    return None


def _gone(venv: Path) -> list[str]:
    """Return the distributions that have lost files; they count as not installed from now on."""
    gone = set()
    for folder in _site(venv).glob("*.dist-info"):
        if _lacks(folder):
            # Without its metadata it is not installed, to pip and uv.
            shutil.rmtree(folder)
            gone.add(_name(folder))
    recorded = venv / ".installed"
    before = set(recorded.read_text().split()) if recorded.is_file() else set()
    return sorted(gone | before - _names(venv))


def _site(venv: Path) -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return venv / "lib" / version / "site-packages"


def _names(venv: Path) -> set[str]:
    return {_name(folder) for folder in _site(venv).glob("*.dist-info")}


def _name(folder: Path) -> str:
    return folder.stem.partition("-")[0]


def _lacks(folder: Path) -> bool:
    """Return whether a file that the RECORD states is gone."""
    site, record = folder.parent, folder / "RECORD"
    return not record.is_file() or not all((site / path).exists() for path in _stated(record))


def _stated(record: Path) -> Iterator[str]:
    """Yield the paths of a distribution's files, but for compiled ones: Python makes those."""
    for line in record.read_text(encoding="utf-8").splitlines():
        if stated := STATED.match(line):
            path = stated["plain"] or (stated["quoted"] or "").replace('""', '"')
            if not path.endswith(".pyc"):
                yield path


if __name__ == "__main__":
    sys.exit(main())
