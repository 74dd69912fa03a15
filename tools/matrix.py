"""The stock client's tests, in several versions of it: each in an environment of its own.

`python -m tools.matrix` makes the environments and throws them away. The servers run in the Python
that runs this. It fails where a test does.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests" / "client"
PINS = ROOT / "requirements" / "test.txt"

VERSIONS = "2.45.0,2.54.0,3.54.0"
"""An old one that people still have, one between, the one of `requirements/`."""

OPENAI = re.compile(r"(?m)^openai==.*(\n +--hash=.*)*$")
"""The client's entry in the pins, with its hashes."""

CONNECTS = re.compile(
    r"^from tests\.client\.stock import (\([^)]*|.*)\b(answered|connect)\b", re.MULTILINE
)
"""What a file of tests has that asks through the stock client."""

# Clients before 3 log with a method that Python has deprecated.
WARNINGS = ("-W", "ignore:The 'warn' method is deprecated:DeprecationWarning")


@dataclass(frozen=True)
class Outcome:
    """What came of one version's tests."""

    version: str
    python: str
    passed: int
    failed: list[str]
    others: Counter[str]
    """How many were skipped, or expected to fail and did, for which reason."""

    @property
    def row(self) -> tuple[str, ...]:
        """Its row of the table."""
        counts = (self.passed, len(self.failed), self.others.total())
        return self.version, self.python, *map(str, counts), " ".join(self.failed) or "nothing"


def main() -> int:
    """Run all versions; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", default=VERSIONS, help="versions of openai, with commas")
    parser.add_argument("--tests", default="test_*", help="names of files, as test_b*")
    given = parser.parse_args()
    outcomes = [_outcome(version, given.tests) for version in given.versions.split(",")]
    print("\n".join(_table(outcomes)))
    for outcome in outcomes:
        for reason, count in outcome.others.items():
            print(f"{outcome.version}: {count} x {reason}")
    return int(any(outcome.failed for outcome in outcomes))


def _outcome(version: str, tests: str) -> Outcome:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = _environment(folder, version)
        report = folder / "report.xml"
        files = sorted(
            file for file in TESTS.glob(f"{tests}.py") if CONNECTS.search(file.read_text())
        )
        command = [python, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", *WARNINGS]
        ended = subprocess.run(  # noqa: S603
            [*command, f"--junitxml={report}", *files],
            cwd=ROOT,
            env={**os.environ, "SHIM_PYTHON": sys.executable},
            check=False,
        )
        # Everything else is no result: 1 is a failure among the tests.
        if ended.returncode not in (0, 1):
            raise RuntimeError(f"openai {version}: pytest ended with {ended.returncode}")
        return _read(version, report)


def _environment(folder: Path, version: str) -> Path:
    """Make an environment with that version and, for the rest, our pins; return its Python."""
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    pins = folder / "requirements.txt"
    # Our hashes are of another version's files.
    pins.write_text(OPENAI.sub(f"openai=={version}", PINS.read_text()))
    uv = Path(sys.executable).with_name("uv")
    # uv does not read pip's list of local wheels.
    local = {"UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", ""), **os.environ}
    command = [uv, "pip", "install", "--quiet", "--python", python, "-r", pins]
    subprocess.run(command, env=local, check=True)  # noqa: S603
    return python


def _read(version: str, report: Path) -> Outcome:
    cases = list(ET.parse(report).iter("testcase"))  # noqa: S314 - pytest's, of just now
    failed = [case for case in cases if {"failure", "error"} & {found.tag for found in case}]
    others = [found for case in cases for found in case.iter("skipped")]
    return Outcome(
        version=version,
        python=".".join(map(str, sys.version_info[:3])),
        passed=len(cases) - len(failed) - len(others),
        failed=[f"{case.get('classname')}::{case.get('name')}" for case in failed],
        # Of type pytest.skip or pytest.xfail.
        others=Counter(f"{found.get('type')}: {found.get('message')}" for found in others),
    )


def _table(outcomes: list[Outcome]) -> Iterator[str]:
    head = ("openai", "python", "passed", "failed", "skipped or xfailed", "what failed")
    rows = [head, *(outcome.row for outcome in outcomes)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield " | ".join(cells).rstrip()


if __name__ == "__main__":
    sys.exit(main())
