"""How often a dead engine is restarted; engines here are names, some of which die at once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from backends import supervisor
from backends.supervisor import Supervisor


class Backend:
    """Has an engine or none, and records the calls."""

    def __init__(self) -> None:
        self.engine: str | None = "first"
        self.events: list[str] = []

    async def alive(self) -> bool:
        """Return whether there is an engine; the mortal one is alive once."""
        engine = self.engine
        if engine == "mortal":
            self.engine = None
        return engine is not None

    async def self_test(self) -> None:
        """Fail with the engine that loads but cannot answer."""
        if self.engine == "mute":
            raise RuntimeError

    def use_engine(self, engine: str) -> None:
        """Use *engine*, which dies at once if that is its name."""
        self.engine = None if engine == "stillborn" else engine
        self.events.append(f"use {engine}")

    def close(self, *, patience: float) -> None:
        """Drop the engine."""
        self.engine = None
        self.events.append(f"close in {patience:g}")


def starting(*engines: str) -> Callable[[], Any]:
    """Return what starts *engines* one after the other, and after them fails."""
    left = iter(engines)

    async def start() -> str:
        try:
            return next(left)
        except StopIteration:
            raise MemoryError from None

    return start


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_FIRST_DELAY", 0.001)
    monkeypatch.setattr(supervisor, "_POLL", 0.001)


@pytest.fixture
def backend() -> Backend:
    """Return one whose engine has died."""
    backend = Backend()
    backend.engine = None
    return backend


def supervised(backend: Backend, *engines: str, **options: Any) -> Supervisor:
    """Return a supervisor that has *engines* to offer."""
    clear = lambda: backend.events.append("clear")  # noqa: E731
    return Supervisor(backend, starting(*engines), clear, name="t", **options)


async def test_failing_starts_are_bounded(backend: Backend) -> None:
    """At most so many in a row, each after the remains of the last one are cleared away."""
    await supervised(backend, max_restarts=3).run()

    assert backend.events == ["close in 0", "clear"] * 4


async def test_short_lives_are_bounded(backend: Backend) -> None:
    """An engine that starts and dies at once counts as a failure."""
    await supervised(backend, *["stillborn"] * 9, max_restarts=2).run()

    assert backend.events.count("use stillborn") == 2


async def test_an_engine_that_cannot_answer(backend: Backend) -> None:
    """An engine that fails its self-test is ended, and counts as one that did not start."""
    await supervised(backend, "mute", max_restarts=1).run()

    assert backend.events == ["close in 0", "clear", "use mute", *["close in 0", "clear"] * 2]
    assert not await backend.alive()


async def test_a_long_life_ends_the_row(backend: Backend) -> None:
    """Engines that have lived for a while may die as often as they like."""
    await supervised(backend, *["mortal"] * 5, max_restarts=2, steady=0.0005).run()

    assert backend.events.count("use mortal") == 5


async def test_no_restart_at_all(backend: Backend) -> None:
    """With none allowed a dead engine is only cleared away."""
    await supervised(backend, "second", max_restarts=0).run()

    assert backend.events == ["close in 0", "clear"]


async def test_a_death_is_seen() -> None:
    """An engine that lives is left alone until it dies; then the next is taken."""
    backend = Backend()
    watch = asyncio.create_task(supervised(backend, "second", max_restarts=1).run())
    await asyncio.sleep(0)

    backend.engine = None
    async with asyncio.timeout(5):
        while backend.engine != "second":  # noqa: ASYNC110 - it is taken in a thread
            await asyncio.sleep(0.001)

    watch.cancel()
    assert backend.events == ["close in 0", "clear", "use second"]
