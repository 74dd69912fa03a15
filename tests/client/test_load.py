"""A small part of `make load`, and of the end of a server under load."""

import pytest

from tools.load.hold import hold
from tools.load.stops import kill, terminate
from tools.load.targets import TARGETS


@pytest.mark.parametrize(
    ("clients", "questions"), [(40, 3), pytest.param(200, 10, marks=pytest.mark.slow)]
)
async def test_sigterm_under_load(clients: int, questions: int) -> None:
    """Every question is answered right and computed once, by this server or by the next."""
    assert await terminate(clients=clients, questions=questions) == []


@pytest.mark.slow
async def test_sigkill_under_load() -> None:
    """No process that the server has started is left."""
    assert await kill() == []


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
async def test_many_connections(name: str) -> None:
    """Every answer is right, every refusal as configured; the memory is not judged so early."""
    held = await hold(TARGETS[name], connections=100, minutes=0.1)

    assert held.record.wrong == 0, held.record.faults
    assert held.record.seconds.keys() >= TARGETS[name].shares.keys()
