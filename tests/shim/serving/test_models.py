"""Models: which name finds which, which is refused, and how a request runs."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, nullcontext
from pathlib import Path

import pytest

import shim
from backends.config import FakeModelConfig, FakeOptions
from backends.fake import FakeChat, FakeSpeech
from shim.errors import QueueFull, UnknownModel
from shim.serving.metrics import Metrics
from shim.serving.models import Models
from tests.served import models_of
from tests.shim.serving.samples import value

CHAT = FakeModelConfig(id="org/chat", source="chat", aliases=("gpt-4o", "chat"))
SPEECH = FakeModelConfig(id="speech", source="speech", aliases=("whisper-1",))


@pytest.fixture
def models() -> Models:
    """Return a chat model and a speech model."""
    options = FakeOptions()
    return models_of([CHAT, SPEECH], [FakeChat(options), FakeSpeech(options)])


@pytest.mark.parametrize("name", ["org/chat", "gpt-4o", "chat"])
def test_names_and_aliases(models: Models, name: str) -> None:
    """A model is found by its id and by each alias."""
    assert models.find(name) is models.chat(name) is models.served[0]


def test_an_unknown_name(models: Models) -> None:
    """An unknown name is refused with a list of the names there are."""
    with pytest.raises(UnknownModel) as refusal:
        models.chat("gpt-5")

    assert str(refusal.value) == (
        "The model `gpt-5` does not exist or you do not have access to it. "
        "Served here: org/chat, gpt-4o, chat, speech, whisper-1."
    )
    assert refusal.value.param == "model"


def test_a_model_of_another_kind(models: Models) -> None:
    """A model of another kind is refused with a list of those of the right kind."""
    with pytest.raises(UnknownModel, match=r"`whisper-1` does not serve chat.*: org/chat, gpt-4o"):
        models.chat("whisper-1")
    with pytest.raises(UnknownModel, match=r"`gpt-4o` does not serve trans.*: speech, whisper-1"):
        models.speech("gpt-4o")


def test_no_model_of_a_kind() -> None:
    """If no model is of the right kind, the refusal says so."""
    models = models_of([CHAT], [FakeChat(FakeOptions())])

    with pytest.raises(UnknownModel, match="Those here that do: none"):
        models.speech("chat")


@pytest.mark.parametrize(("taken", "refused"), [([], False), (["speech"], False), (["chat"], True)])
async def test_full_queues(models: Models, taken: list[str], *, refused: bool) -> None:
    """A request is refused unread if the queue of the model in its URL is full, or if all are."""
    for served in models.served:
        served.admission.max_waiting = 0

    async def run(name: str, stack: AsyncExitStack) -> None:
        slots = models.find(name).admission.capacity
        for _ in range(slots):
            running = models.find(name).admission.admit(endless())
            stack.push_async_callback(running.aclose)
            await anext(running)

    async with AsyncExitStack() as stack:
        for name in taken:
            await run(name, stack)

        models.refuse_if_full()
        with pytest.raises(QueueFull) if refused else nullcontext():
            models.pinned("gpt-4o").refuse_if_full()
        await run("chat" if taken == ["speech"] else "speech", stack)
        with pytest.raises(QueueFull) if taken else nullcontext():
            models.refuse_if_full()


async def endless() -> AsyncGenerator[str, None]:
    """Yield for ever."""
    while True:
        yield "one"


def test_fingerprints() -> None:
    """Equal configurations have the same fingerprint, others have another."""
    other = FakeModelConfig(id="org/chat", source="chat", options=FakeOptions(max_model_len=9))
    backends = [FakeChat(FakeOptions())] * 3

    first, again, changed = (
        served.fingerprint for served in models_of([CHAT, CHAT, other], backends).served
    )

    assert first == again != changed
    assert first.startswith("fp_")


async def test_a_run_waits_for_its_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run waits for its slot at its first item; the wait and the result are measured."""
    now = 0.0
    monkeypatch.setattr("shim.serving.request_metrics.time.perf_counter", lambda: now)
    metrics = Metrics()
    config = FakeModelConfig(id="m", source="chat", max_running=1, max_waiting=1)
    (served,) = models_of([config], [FakeChat(FakeOptions())], metrics.requests).served
    chat = {"model": "m", "route": "chat"}
    first = served.run(words(), route="chat")
    await anext(first)
    second = asyncio.ensure_future(anext(served.run(words(), route="chat")))
    while not served.admission.waiting:  # noqa: ASYNC110
        await asyncio.sleep(0)

    with pytest.raises(QueueFull):
        await anext(served.run(words(), route="chat"))
    now = 5.0
    assert [word async for word in first] == ["two"]
    assert await second == "one"

    assert value(metrics, "shim_requests_total", **chat, status="429") == 1
    assert value(metrics, "shim_requests_total", **chat, status="200") == 1
    assert value(metrics, "shim_queue_seconds_count", model="m") == 2
    assert value(metrics, "shim_queue_seconds_sum", model="m") == 5.0


async def words() -> AsyncGenerator[str, None]:
    """Yield two words."""
    yield "one"
    yield "two"


def test_run_is_the_only_way_to_a_slot() -> None:
    """No module but that of `ServedModel.run` admits requests."""
    files = Path(shim.__file__).parent.rglob("*.py")

    admitting = {file.name for file in files if ".admit(" in file.read_text()}

    assert admitting == {"served_model.py"}
