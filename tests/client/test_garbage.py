"""What requests leave behind: nothing that waits for the garbage collector."""

import re
import subprocess
import sys

import pytest

from tests.garbage import REQUESTS
from tests.live import ROOT

CHAT = '{"model": "echo", "messages": [{"role": "user", "content": "one two"}]}'


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", CHAT),
        ("/v1/chat/completions", CHAT.replace("{", '{"stream": true, ', 1)),
        ("/v1/completions", '{"model": "echo", "prompt": ["a", "b"]}'),
    ],
    ids=["whole", "streamed", "prompts"],
)
def test_requests_leave_no_cycles(path: str, body: str) -> None:
    """A request's objects are freed at its end; cycles stopped the event loop for 0.6 s a minute.

    Fewer objects than requests are left: those that belong to the client, or to no request.
    """
    command = [sys.executable, "-m", "tests.garbage", path, body]

    printed = subprocess.check_output(command, text=True, cwd=ROOT, timeout=60)  # noqa: S603

    assert int(re.findall(r"unreachable: (\d+)", printed)[0]) < REQUESTS
