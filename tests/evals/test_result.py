"""Results are read without a client: a tool that only reports needs no server."""

import subprocess
import sys
from pathlib import Path

import evals.report


def test_reports_load_no_client() -> None:
    """To import the reports and the journal loads neither the openai client nor PyAV."""
    files = Path(evals.report.__file__).parent.glob("[!_]*.py")
    modules = ["evals.journal", *(f"evals.report.{file.stem}" for file in files)]
    code = f"import sys, {', '.join(modules)}; print(*{{'openai', 'av'}} & sys.modules.keys())"

    loaded = subprocess.check_output([sys.executable, "-c", code], text=True)  # noqa: S603

    assert loaded.split() == []
