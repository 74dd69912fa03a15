"""A server that is told to end, in every state, by one signal and by two."""

import pytest

from tools.attack import sigterm, states


@pytest.mark.parametrize(
    "signals",
    [
        # `test_shutdown.py` sends one signal in the same states.
        pytest.param(1, marks=pytest.mark.slow),
        2,
    ],
)
@pytest.mark.parametrize("state", states.STATES)
async def test_the_end(state: str, signals: int) -> None:
    """Every client gets an answer in OpenAI's shape or none, the process ends within its grace."""
    cell = await sigterm.run(state, signals)

    assert not sigterm.faults(cell), sigterm.row(cell)


@pytest.mark.parametrize("signals", [1, 2])
async def test_the_end_of_a_start(signals: int) -> None:
    """A server that still opens its models ends at once."""
    cell = await sigterm.loading(signals, config="", delay=0.5)

    assert not sigterm.faults(cell), sigterm.row(cell)
