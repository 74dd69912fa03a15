"""Faults in the calls of real CTranslate2 models: all that is above these calls is real too."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from backends import supervisor
from backends.ct2 import adapter as ct2
from backends.whisper import adapter as whisper

CALLS = {"encode", "detect_language", "generate", "align", "generate_batch", "forward_batch"}

# As CTranslate2 writes them; the second is what `cudaGetErrorString` says.
LAUNCH_FAILURE = "CUDA failed with error unspecified launch failure"
OUT_OF_MEMORY = "CUDA failed with error out of memory"

Before = Callable[[str, tuple[Any, ...], dict[str, Any]], None]


class FaultyModel:
    """A CTranslate2 model, with `Faults.before` before each call."""

    def __init__(self, model: Any, faults: "Faults") -> None:
        self._model = model
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._model, name)
        if name not in CALLS:
            return real

        def call(*args: Any, **options: Any) -> Any:
            self._faults.before(name, args, options)
            return real(*args, **options)

        return call


class Faults:
    """What happens before each call, and how many models were loaded."""

    def __init__(self) -> None:
        self.before: Before = lambda _name, _args, _options: None
        self.loaded = 0
        self.before_load: Callable[[], None] = lambda: None

    def over(self, model: Any) -> FaultyModel:
        """Return *model* with these faults."""
        self.loaded += 1
        return FaultyModel(model, self)

    def once(self, error: BaseException, call: str) -> None:
        """Raise *error* in the next *call*; all later ones are the real ones."""

        def before(name: str, _args: Any, _options: Any) -> None:
            if name == call:
                self.before = lambda _name, _args, _options: None
                raise error

        self.before = before


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    """Put these faults into all models that are loaded; restarts follow at once."""
    faults, load, ct2_load = Faults(), whisper.load, ct2._load

    def faulty_whisper(*arguments: Any) -> Any:
        faults.before_load()
        model = load(*arguments)
        model.model = faults.over(model.model)
        return model

    def faulty_generator(*arguments: Any) -> Any:
        faults.before_load()
        return faults.over(ct2_load(*arguments))

    monkeypatch.setattr(whisper, "load", faulty_whisper)
    monkeypatch.setattr(ct2, "_load", faulty_generator)
    monkeypatch.setattr(supervisor, "_FIRST_DELAY", 0.01)
    monkeypatch.setattr(supervisor, "_POLL", 0.01)
    return faults


async def until(condition: Callable[[], bool]) -> None:
    """Wait until *condition* holds: other threads make it hold."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - threads set no event of asyncio's
            await asyncio.sleep(0.001)


async def until_ready(backend: Any) -> None:
    """Wait until *backend* is ready."""
    async with asyncio.timeout(60):
        while not await backend.ready():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.001)
