"""A server that is started for an evaluation: its address is found, and it is always stopped."""

import sys

import pytest

from evals import local_server
from evals.failures import ServerDied
from evals.local_server import serving


async def test_a_stubborn_server_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ignores SIGTERM gets SIGKILL."""
    monkeypatch.setattr(local_server, "STOP_SECONDS", 0.1)
    deaf = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('http://127.0.0.1:1/v1'); signal.pause()"
    )

    async with serving([sys.executable, "-c", deaf]) as server:
        base_url = await server.base_url(30)

    assert base_url == "http://127.0.0.1:1/v1"
    assert server.process.returncode == -9


async def test_a_server_without_an_address() -> None:
    """A server that does not print its address has failed too."""
    async with serving([sys.executable, "-c", "import signal; signal.pause()"]) as server:
        with pytest.raises(ServerDied, match=r"printed no address in 0\.1 s"):
            await server.base_url(0.1)
