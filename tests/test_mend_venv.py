"""`.venv/` after a part of it is gone: what is installed again, and when it is made anew."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import mend_venv

SCRIPT = Path(mend_venv.__file__)


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """Make an environment with two distributions, one of which has a command."""
    folder = tmp_path / ".venv"
    site = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "one").touch()
    for name, files in {
        "one": ["../../../bin/one", "one/a.py", "one/a.pyc"],
        "two": ["two.py"],
    }.items():
        metadata = site / f"{name}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "RECORD").write_text("".join(f"{file},sha256=x,0\n" for file in files))
        for file in files:
            if not file.endswith(".pyc"):
                (site / file).parent.mkdir(exist_ok=True)
                (site / file).touch()
    (folder / "pyvenv.cfg").write_text(f"command = /usr/bin/python3 -m venv {folder}\n")
    mend(folder, "--record")
    return folder


def mend(venv: Path, *flags: str) -> tuple[int, str]:
    """Return the exit status of the script for *venv*, and what it says."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-S", SCRIPT, venv, *flags],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def site(venv: Path) -> Path:
    """Return where its distributions are."""
    (folder,) = venv.glob("lib/*/site-packages")
    return folder


def test_nothing_is_gone(venv: Path) -> None:
    """Of a whole environment it says nothing, and make has nothing to do."""
    assert mend(venv) == (0, "")
    assert not (venv / ".whole").exists()


@pytest.mark.parametrize("file", ["one/a.py", "../../../bin/one", "one-1.0.dist-info/RECORD"])
def test_a_file_is_gone(venv: Path, file: str) -> None:
    """Its distribution is named and counts as not installed, the other stays."""
    (site(venv) / file).unlink()

    code, says = mend(venv)

    assert (code, says) == (0, f"make: {venv} has lost files of one: installing again\n")
    assert (venv / ".whole").exists()
    assert [folder.name for folder in site(venv).glob("*.dist-info")] == ["two-1.0.dist-info"]


def test_all_of_one_is_gone(venv: Path) -> None:
    """A distribution without any trace is missed, as it was recorded when it was installed."""
    for file in ("two.py", "two-1.0.dist-info/RECORD"):
        (site(venv) / file).unlink()
    (site(venv) / "two-1.0.dist-info").rmdir()

    assert "has lost files of two:" in mend(venv)[1]


def test_another_version_is_none_gone(venv: Path) -> None:
    """What was installed in another version by hand is let be."""
    (site(venv) / "two-1.0.dist-info").rename(site(venv) / "two-2.0.dist-info")

    assert mend(venv) == (0, "")


def test_it_was_moved(venv: Path) -> None:
    """An environment in another place is of no use: its commands name the old one."""
    moved = venv.rename(venv.with_name("moved"))

    code, says = mend(moved)

    assert code == mend_venv.UNUSABLE
    assert says == f"make: {moved} was moved from {venv}: it is made anew\n"


def test_a_link_to_it_is_not_moved(venv: Path) -> None:
    """Several trees may share one environment."""
    link = venv.with_name("link")
    link.symlink_to(venv)

    assert mend(link) == (0, "")


def test_of_another_python(venv: Path) -> None:
    """After an upgrade of Python there are no packages for the one that runs."""
    site(venv).parent.rename(venv / "lib" / "python3.1")

    assert mend(venv)[0] == mend_venv.UNUSABLE
