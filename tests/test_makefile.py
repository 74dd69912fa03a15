"""The words of the Makefile: what they would run, and what `make help` says of them."""

import re
import subprocess

from tests.live import ROOT

INTERNAL = {"FORCE", "tests-one", "tests-two"}
"""Rules that only the Makefile itself uses."""


def test_cleaning_keeps_reports() -> None:
    """`make clean` removes what can be made again: scores cannot."""
    commands = subprocess.check_output(  # noqa: S603
        ["make", "--dry-run", "--file", ROOT / "Makefile", "clean"],  # noqa: S607
        cwd=ROOT,
        text=True,
    )

    assert ".venv" in commands
    assert "reports" not in commands


def test_help_names_every_word() -> None:
    """`make help` has a line for each word that a person may type."""
    words = set(re.findall(r"(?m)^\.PHONY: (.+)$", (ROOT / "Makefile").read_text()))

    lines = subprocess.check_output(  # noqa: S603
        ["make", "--file", ROOT / "Makefile", "help"],  # noqa: S607
        cwd=ROOT,
        text=True,
    )

    assert {line.split()[1] for line in lines.splitlines()} == words - INTERNAL
