"""A short run of the fuzzer; `tests/fuzz/transcription.py` says how to make it long."""

from collections.abc import Iterator

import pytest

from tests.fuzz.recordings import cases
from tests.fuzz.sending import fuzz
from tests.live import LiveServer, serving


@pytest.fixture
def keyless() -> Iterator[LiveServer]:
    """Serve the built-in models to anybody."""
    with serving() as live:
        yield live


async def test_damaged_requests(keyless: LiveServer) -> None:
    """No damaged request makes the server fail, hang or die, and some are answered."""
    seen, wrong = await fuzz(keyless, cases(20261124, 120))

    assert wrong == []
    assert seen[200] > 20
    assert seen[400] > 20
