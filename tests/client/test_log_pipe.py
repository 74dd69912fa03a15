"""The log of a server whose standard error nobody reads."""

import re
import subprocess

import httpx

from tests.live import PYTHON, ROOT

REQUESTS = 2000
"""Each logs a line of some 90 bytes; a pipe holds 64 KiB."""


def test_a_log_that_nobody_reads() -> None:
    """It stops nobody: every request is answered, and the server ends in order."""
    command = [PYTHON, "-m", "shim", "serve", "--port", "0", "--model", "echo=fake:chat"]
    with subprocess.Popen(  # noqa: S603
        [*command, "--log-level", "info"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        found = next(filter(None, (re.search(r"http://[0-9.:]+", line) for line in server.stdout)))
        with httpx.Client(base_url=found[0], timeout=10) as http:
            statuses = {http.get("/health").status_code for _ in range(REQUESTS)}
        server.terminate()

        assert server.wait(timeout=20) == 0
        lines = server.stderr.read().splitlines()

    assert statuses == {200}
    assert 100 < len(lines) < REQUESTS
