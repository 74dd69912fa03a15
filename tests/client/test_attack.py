"""A short run of `python -m tools.attack`: nothing that one client sends hurts another."""

from collections.abc import Sequence

import pytest

from tools.attack.attack import Attack
from tools.attack.catalogue import ATTACKS
from tools.attack.judge import Bounds, faults
from tools.attack.run import run

SECONDS = 1.5
"""How long a flood lasts."""

BOUNDS = Bounds(p99=1.0, longest=1.0)
"""Of `/health`. What gave way stopped it for 1.5 to 23 s; the machine of a test may be busy."""


def quick(configuration: str) -> Sequence[Attack]:
    """Return the attacks of the short run against one server."""
    return [attack for attack in ATTACKS if attack.quick and attack.configuration == configuration]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "configuration",
    [
        pytest.param("builtin", marks=pytest.mark.slow),
        pytest.param("fakes", marks=pytest.mark.slow),
        "keyless",
    ],
)
async def test_attacks_are_withstood(configuration: str) -> None:
    """Each is answered as it should be, beside a bystander whose answers are right."""
    found = {
        observed.attack.name: faults(observed, BOUNDS)
        async for observed in run(quick(configuration), seconds=SECONDS)
    }

    assert found
    assert not {name: of_it for name, of_it in found.items() if of_it}
