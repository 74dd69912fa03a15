"""The self-test: which models pass, what is logged, and what happens to those that fail."""

import asyncio
import logging

import pytest

from backends.config import FakeModelConfig, FakeOptions
from backends.fake import FakeChat
from backends.registry import ModelNotOpened
from shim.errors import ModelFaulty
from shim.serving import self_test
from shim.serving.models import Models
from shim.serving.self_test import SelfTest, self_tested
from tests.served import models_of

BROKEN = FakeOptions(fails_self_test=True)
FAULT = "EngineDead: The fake engine was told to fail its self-test."


class Recovering(FakeChat):
    """Fails its first self-test and passes the later ones."""

    tests = 0

    async def self_test(self) -> None:
        """Fail the first time."""
        self.tests += 1
        if self.tests == 1:
            raise MemoryError


def serving(**backends: FakeChat) -> Models:
    """Return models with the names and *backends* given."""
    configs = [FakeModelConfig(id=name, source="chat") for name in backends]
    return models_of(configs, list(backends.values()))


def self_tests(models: Models) -> list[SelfTest]:
    """Return the self-test of each model."""
    return [model.self_test for model in models.served]


async def test_a_broken_model_among_others(caplog: pytest.LogCaptureFixture) -> None:
    """A model that fails is refused by name and logged once with the reason; others go on."""
    models = serving(good=FakeChat(FakeOptions()), bad=FakeChat(BROKEN))
    passed: list[str] = []

    async with self_tested(self_tests(models), on_pass=passed.append):
        good = models.chat("good")
        with pytest.raises(ModelFaulty, match="The model `bad` cannot answer: its self-test"):
            models.chat("bad")

    assert passed == ["good"]
    assert await good.ready()
    assert not await models.find("bad").ready()
    assert [record.getMessage() for record in caplog.records] == [
        f"bad: the self-test failed: {FAULT}"
    ]


async def test_no_model_works() -> None:
    """If every model fails, the server does not start; the error has the reason of each."""
    models = serving(one=FakeChat(BROKEN), two=FakeChat(BROKEN))

    with pytest.raises(ModelNotOpened) as failure:
        async with self_tested(self_tests(models), on_pass=print):
            pytest.fail("it started")

    assert str(failure.value) == (
        f"The model 'one' failed its self-test: {FAULT}\n"
        f"The model 'two' failed its self-test: {FAULT}"
    )


async def test_a_model_recovers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A model that failed is tested again, and found once it passes."""
    monkeypatch.setattr(self_test, "_RETRY_SECONDS", 0.0)
    caplog.set_level(logging.WARNING)
    models = serving(good=FakeChat(FakeOptions()), late=Recovering(FakeOptions()))
    recovered = asyncio.Event()

    def on_pass(model: str) -> None:
        if model == "late":
            recovered.set()

    async with self_tested(self_tests(models), on_pass=on_pass):
        await asyncio.wait_for(recovered.wait(), 10)
        assert models.chat("late").id == "late"

    assert [record.getMessage() for record in caplog.records] == [
        "late: the self-test failed: MemoryError",
        "late: passes its self-test now",
    ]
