"""The words of the Makefile: what they would run."""

import subprocess

from tests.live import ROOT


def test_cleaning_keeps_reports() -> None:
    """`make clean` removes what can be made again: scores cannot."""
    commands = subprocess.check_output(  # noqa: S603
        ["make", "--dry-run", "--file", ROOT / "Makefile", "clean"],  # noqa: S607
        cwd=ROOT,
        text=True,
    )

    assert ".venv" in commands
    assert "reports" not in commands
