"""When a stream is told its tokens: vLLM's own bookkeeping, fed by hand; then its engine."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest
from msgspec.structs import replace

from backends.base import ChatBackend, TextDelta
from backends.vllm.pace import Held, Pace
from tests.backends.vllm.dialogue import WITHOUT_END, generation
from tests.live import MODELS

pytestmark = pytest.mark.usefixtures("requires_vllm")


@pytest.fixture(scope="module")
def processor() -> Any:
    """Make vLLM's keeper of what each request has been told."""
    tokenizers = import_module("vllm.tokenizers")
    tokenizer = tokenizers.get_tokenizer(str(MODELS / "chat-hf"))
    return import_module("vllm.v1.engine.output_processor").OutputProcessor(
        tokenizer, log_stats=False
    )


class Stream:
    """One request that has begun: its tokens come when the test says so."""

    def __init__(self, processor: Any, pace: Pace, *, interval: int = 1) -> None:
        params = import_module("vllm.sampling_params")
        kind = params.RequestOutputKind.DELTA
        self._name = str(id(self))
        self._engine = import_module("vllm.v1.engine")
        self._processor = processor
        request = self._engine.EngineCoreRequest(
            request_id=self._name,
            external_req_id=self._name,
            prompt_token_ids=[1],
            mm_features=None,
            sampling_params=params.SamplingParams(output_kind=kind, stream_interval=interval),
            pooling_params=None,
            arrival_time=0.0,
            lora_request=None,
            cache_salt=None,
            data_parallel_rank=None,
        )
        outputs = import_module("vllm.v1.engine.output_processor")
        self.collector = outputs.RequestOutputCollector(kind, self._name)
        processor.add_request(request, None, queue=self.collector)
        pace.begin()
        Held(processor.request_states[self._name], self.collector, pace)

    def draw(self, *tokens: int, last: bool = False) -> None:
        """Have the engine draw *tokens* in one step."""
        reason = self._engine.FinishReason.LENGTH if last else None
        output = self._engine.EngineCoreOutput(self._name, list(tokens), finish_reason=reason)
        self._processor.process_outputs([output])

    def told(self) -> list[int] | None:
        """Return the tokens that there are to read; None where there is nothing."""
        output = self.collector.get_nowait()
        return None if output is None else list(output.outputs[0].token_ids)


def crowded(streams: int) -> Pace:
    """Return the pace of so many streams."""
    pace = Pace()
    for _ in range(streams):
        pace.begin()
    return pace


async def beat(pace: Pace) -> None:
    """Wait for the next beat, which has to be due."""
    due = pace._held
    assert due
    async with asyncio.timeout(5):
        # Nobody but the streams is told of it.
        while pace._held is due:  # noqa: ASYNC110
            await asyncio.sleep(0)


@pytest.mark.parametrize("others", [0, 1000])
async def test_the_first_token_never_waits(processor: Any, others: int) -> None:
    """However many streams run, a new one begins at once."""
    stream = Stream(processor, crowded(others))

    stream.draw(7)

    assert stream.told() == [7]


async def test_a_token_after_the_beat_does_not_wait(processor: Any) -> None:
    """A stream that is slower than the beat gets every token as it comes."""
    pace = Pace()
    stream = Stream(processor, pace)

    for token in (7, 8, 9):
        stream.draw(token)

        assert stream.told() == [token]
        await beat(pace)


async def test_many_streams_wait_for_the_beat(processor: Any) -> None:
    """Tokens between two beats come with the next one after, each once and in order."""
    pace = crowded(20)
    stream = Stream(processor, pace)
    stream.draw(7)
    stream.told()

    for rounds in ([8, 9, 10], [11], [], [12, 13]):
        for token in rounds:
            stream.draw(token)
            assert stream.told() is None
        await beat(pace)
        stream.draw(99)

        assert stream.told() == [*rounds, 99]


async def test_the_end_never_waits(processor: Any) -> None:
    """The last token brings all before it along, at once."""
    stream = Stream(processor, crowded(1000))
    stream.draw(7)
    stream.told()
    stream.draw(8)

    stream.draw(9, last=True)

    assert stream.told() == [8, 9]


async def test_a_failure_never_waits(processor: Any) -> None:
    """So does what vLLM puts there when it fails."""
    stream = Stream(processor, crowded(1000))
    stream.draw(7)
    stream.told()

    stream.collector.put(RuntimeError("dead"))

    with pytest.raises(RuntimeError, match="dead"):
        stream.told()


async def test_one_beat_for_all(processor: Any) -> None:
    """Streams share the beat: after it, all are told with their next tokens."""
    pace = crowded(20)
    streams = [Stream(processor, pace) for _ in range(2)]
    for stream in streams:
        stream.draw(7)
        stream.told()
        stream.draw(8)

    await beat(pace)

    for stream in streams:
        stream.draw(9)
        assert stream.told() == [8, 9]


@pytest.mark.parametrize(("streams", "seconds"), [(1, 0.04), (16, 0.064), (1000, 0.1)])
async def test_the_beat(
    processor: Any, monkeypatch: pytest.MonkeyPatch, streams: int, seconds: float
) -> None:
    """The more streams run the slower it is, within bounds."""
    intervals = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_later", lambda delay, _: intervals.append(delay))

    Stream(processor, crowded(streams - 1)).draw(7)

    assert intervals == [pytest.approx(seconds)]


async def test_an_interval_that_was_asked_for(processor: Any) -> None:
    """The setting of vLLM's own, of the engine or the request, is kept."""
    pace = Pace()
    stream = Stream(processor, pace, interval=3)

    told = []
    for token in range(7, 14):
        stream.draw(token)
        told.append(stream.told())
        if told[-1]:
            await beat(pace)

    assert told == [[7], None, None, [8, 9, 10], None, None, [11, 12, 13]]


# ── the engine ────────────────────────────────────────────────────────────────


@contextmanager
def crowd(backend: Any) -> Iterator[None]:
    """Let *backend* believe that a hundred more streams run."""
    for _ in range(100):
        backend._pace.begin()
    try:
        yield
    finally:
        for _ in range(100):
            backend._pace.end()


async def test_a_stream_in_a_crowd_is_the_whole_answer(backend: ChatBackend) -> None:
    """Text, ids and log probabilities are those of the answer in one piece, in fewer pieces."""
    asked = generation(max_tokens=64, temperature=0.0, logit_bias=WITHOUT_END, top_logprobs=2)
    asked = replace(asked, extras={"return_token_ids": True})
    answer = backend.generate(replace(asked, stream=False))
    (whole,) = [item async for item in answer if isinstance(item, TextDelta)]

    with crowd(backend):
        streamed = backend.generate(asked)
        pieces = [item async for item in streamed if isinstance(item, TextDelta)]

    assert 2 < len(pieces) < 32
    assert "".join(piece.text for piece in pieces) == whole.text
    assert [token for piece in pieces for token in piece.token_ids] == list(whole.token_ids)
    for piece in pieces:
        assert len(piece.logprobs) == len(piece.token_ids)
    got = [token for piece in pieces for token in piece.logprobs]
    assert [token.drawn.token for token in got] == [t.drawn.token for t in whole.logprobs]
    assert [token.drawn.logprob for token in got] == pytest.approx(
        [token.drawn.logprob for token in whole.logprobs], abs=1e-4
    )
