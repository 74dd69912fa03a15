"""All attacks, in the order of their modules."""

from types import ModuleType

from tools.attack.attack import Attack
from tools.attack.attacks import (
    answers,
    audio,
    browsers,
    connections,
    counts,
    engine,
    forms,
    framing,
    held,
    queues,
    surroundings,
    texts,
)


def _of(module: ModuleType) -> list[Attack]:
    return [value for value in vars(module).values() if isinstance(value, Attack)]


_MODULES = (
    texts,
    counts,
    answers,
    forms,
    audio,
    connections,
    queues,
    framing,
    browsers,
    held,
    surroundings,
    engine,
)

ATTACKS = tuple(found for module in _MODULES for found in _of(module))
