"""The interval at which a real engine sends its tokens, and what streams are made of them."""

from collections.abc import AsyncIterator
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from msgspec.structs import replace

from backends.base import Generation, TextDelta
from backends.registry import adapter
from tests.backends.opener import CONFIGS
from tests.backends.vllm.dialogue import WITHOUT_END, generation

if TYPE_CHECKING:
    from backends.vllm.chat import VllmChat

pytestmark = pytest.mark.usefixtures("requires_vllm")

TOKENS = 64
LONG = 60_000
"""Milliseconds: an answer of 64 tokens ends before."""


@pytest_asyncio.fixture(scope="module", params=[0, LONG])
async def paced(request: pytest.FixtureRequest) -> AsyncIterator[tuple[int, Any]]:
    """Open an engine of each interval; return both."""
    config = replace(CONFIGS["vllm"], stream_interval_ms=request.param)
    async with adapter(config) as backend:
        yield request.param, backend


def request_for_tokens(**sampling: Any) -> Generation:
    """Return a request for 64 tokens and their ids."""
    return replace(
        generation(max_tokens=TOKENS, temperature=0.0, logit_bias=WITHOUT_END, **sampling),
        engine_options={"return_token_ids": True},
    )


async def answered(backend: "VllmChat", request: Generation) -> list[TextDelta]:
    """Return the pieces of the answer."""
    return [item async for item in backend.generate(request) if isinstance(item, TextDelta)]


@pytest.mark.slow
async def test_when_tokens_are_sent(
    paced: tuple[int, "VllmChat"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 0 each token is a message of the engine's; else the first and the end do not wait.

    Pieces are not counted: those that wait for their reader are joined.
    """
    interval, backend = paced
    sent: list[int] = []
    processor = backend._engine.output_processor
    processed = processor.process_outputs

    def process_outputs(outputs: Any, *options: Any, **more: Any) -> Any:
        sent.extend(len(output.new_token_ids) for output in outputs)
        return processed(outputs, *options, **more)

    monkeypatch.setattr(processor, "process_outputs", process_outputs)

    await answered(backend, request_for_tokens())

    assert sent == ([1] * TOKENS if interval == 0 else [1, TOKENS - 1])


@pytest.mark.slow
@pytest.mark.parametrize("logprobs", [2, None])
async def test_a_stream_is_the_whole_answer(
    paced: tuple[int, "VllmChat"], logprobs: int | None
) -> None:
    """Text, ids and log probabilities are those of the answer in one piece."""
    interval, backend = paced
    request = request_for_tokens(top_logprobs=logprobs)
    (whole,) = await answered(backend, replace(request, stream=False))

    pieces = await answered(backend, request)

    assert "".join(piece.text for piece in pieces) == whole.text
    assert [token for piece in pieces for token in piece.token_ids] == list(whole.token_ids)
    # However long a reader lets them wait.
    assert interval == 0 or len(pieces) <= 2
    if logprobs is None:
        return
    for piece in pieces:
        assert len(piece.logprobs) == len(piece.token_ids)
    got = [token for piece in pieces for token in piece.logprobs]
    assert [token.drawn.token for token in got] == [t.drawn.token for t in whole.logprobs]
    assert [token.drawn.logprob for token in got] == pytest.approx(
        [token.drawn.logprob for token in whole.logprobs], abs=1e-4
    )


# ── without an engine ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("interval", [None, 0, 70])
@pytest.mark.parametrize("asynchronous", [True, False])
def test_the_scheduler_of_an_engine(*, asynchronous: bool, interval: int | None) -> None:
    """It is a subclass of vLLM's own, of either kind; the interval is where it will look."""
    pace = import_module("backends.vllm.process.paced_scheduler")
    config = configured(async_scheduling=asynchronous)
    theirs = config.scheduler_config.get_scheduler_cls()

    pace.set_interval(config, interval)

    ours = config.scheduler_config.get_scheduler_cls()
    assert issubclass(ours, theirs)
    assert issubclass(ours, pace.AsyncScheduler) == asynchronous
    assert ours.update_from_output is pace.PacedScheduler.update_from_output
    assert list(config.additional_config.values()) == ([] if interval is None else [interval])


def test_a_scheduler_of_the_users() -> None:
    """Their option is kept; it cannot be combined with an interval."""
    set_interval = import_module("backends.vllm.process.paced_scheduler").set_interval
    config = configured(scheduler_cls="their.own")

    set_interval(config, None)

    assert config.scheduler_config.scheduler_cls == "their.own"
    with pytest.raises(ValueError, match="stream_interval_ms"):
        set_interval(config, 0)


def configured(**settings: Any) -> Any:
    """Return what an engine is configured with, as far as its scheduler is concerned."""
    kind = import_module("vllm.config").SchedulerConfig
    return SimpleNamespace(
        scheduler_config=kind(max_model_len=64, is_encoder_decoder=False, **settings),
        parallel_config=SimpleNamespace(distributed_executor_backend="mp", nnodes=1),
        additional_config={},
    )
