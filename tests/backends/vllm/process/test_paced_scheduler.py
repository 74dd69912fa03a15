"""When the engine sends its tokens, in steps made by hand."""

from importlib import import_module
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("requires_vllm")

STREAMS = 10
INTERVAL = 0.04
"""Seconds between two flushes of ten streams, by default."""


class Engine:
    """Steps of an engine: the tokens that it draws, and those that it sends."""

    def __init__(self, *, streams: int = STREAMS, interval: float | None = None) -> None:
        self._engine = import_module("vllm.v1.engine")
        self.buffer = import_module("backends.vllm.process.paced_scheduler").OutputBuffer(interval)
        self.requests: dict[str, Any] = {}
        self.streams = streams
        self.now = 1000.0

    def begin(self, name: str, *, client: int = 0, whole: bool = False, **sampling: Any) -> None:
        """Take a request, and draw and send its first token, which is 0."""
        params = import_module("vllm.sampling_params")
        kind = params.RequestOutputKind.FINAL_ONLY if whole else params.RequestOutputKind.DELTA
        self.requests[name] = import_module("vllm.v1.request").Request(
            request_id=name,
            prompt_token_ids=[1],
            sampling_params=params.SamplingParams(output_kind=kind, max_tokens=10_000, **sampling),
            pooling_params=None,
            client_index=client,
        )
        prefill = self.requests[name].take_prefill_stats()
        assert self.step({name: [0]}, prefill_stats=prefill) == {name: [[0]]}

    def step(
        self,
        drawn: dict[str, list[int]],
        *,
        after: float = 0.0,
        last: bool = False,
        **more: Any,
    ) -> dict[str, list[list[int]]]:
        """Draw tokens *after* seconds; return what is sent of each request, output by output."""
        self.now += after
        step: dict[int, Any] = {}
        for name, tokens in drawn.items():
            request = self.requests[name]
            request.append_output_token_ids(tokens)
            output = self._engine.EngineCoreOutput(name, list(tokens), **more)
            if last:
                output.finish_reason = self._engine.FinishReason.LENGTH
                del self.requests[name]
            client = step.setdefault(request.client_index, self._engine.EngineCoreOutputs())
            client.outputs = [*client.outputs, output]
        sent = self.send(step)
        tokens_sent: dict[str, list[list[int]]] = {}
        for client, outputs in sent.items():
            for output in outputs.outputs:
                assert client == self.requests.get(output.request_id, request).client_index
                tokens_sent.setdefault(output.request_id, []).append(output.new_token_ids)
        return tokens_sent

    def send(self, step: dict[int, Any]) -> dict[int, Any]:
        """Return what is sent after *step*, by client."""
        sent: dict[int, Any] = self.buffer.outputs_to_send(
            step, self.requests, streams=self.streams, now=self.now
        )
        return sent


@pytest.fixture
def engine() -> Engine:
    """Make an engine that has just flushed."""
    engine = Engine()
    engine.send({})
    return engine


def test_the_first_token_never_waits(engine: Engine) -> None:
    """A new stream begins at once, also between two flushes."""
    engine.begin("a")
    engine.begin("b")


def test_streams_that_are_slower_than_the_interval(engine: Engine) -> None:
    """They get every token as it comes."""
    engine.begin("a")

    for token in (7, 8, 9):
        assert engine.step({"a": [token]}, after=INTERVAL) == {"a": [[token]]}


def test_streams_wait_for_the_flush(engine: Engine) -> None:
    """Tokens between two flushes come with the later one, each once and in order."""
    engine.begin("a")

    for tokens in ([8, 9, 10], [11], [], [12, 13]):
        for token in tokens:
            assert engine.step({"a": [token]}) == {}

        assert engine.step({"a": [99, 98]}, after=INTERVAL) == {"a": [[*tokens, 99, 98]]}


def test_the_end_never_waits(engine: Engine) -> None:
    """The last token brings all before it along, at once."""
    engine.begin("a")
    engine.step({"a": [8]})

    assert engine.step({"a": [9]}, last=True) == {"a": [[8, 9]]}


def test_one_flush_for_all(engine: Engine) -> None:
    """It brings the tokens of all streams, also of those that had no part in its step."""
    for name in ("a", "b", "c"):
        engine.begin(name)
        engine.step({name: [8]})

    sent = engine.step({"a": [9], "b": [9]}, after=INTERVAL)

    assert sent == {"a": [[8, 9]], "b": [[8, 9]], "c": [[8]]}


@pytest.mark.parametrize(("streams", "interval"), [(1, 0.04), (16, 0.064), (1000, 0.1)])
def test_the_default_interval(streams: int, interval: float) -> None:
    """The more streams run the longer it is, within bounds."""
    engine = Engine(streams=streams)
    engine.begin("a")

    assert engine.step({"a": [7]}, after=0.99 * interval) == {}
    assert engine.step({"a": [8]}, after=0.02 * interval) == {"a": [[7, 8]]}


@pytest.mark.parametrize("streams", [1, 1000])
def test_an_interval_of_ones_own(streams: int) -> None:
    """It holds for any number of streams."""
    engine = Engine(streams=streams, interval=0.5)
    engine.begin("a")

    assert engine.step({"a": [7]}, after=0.49) == {}
    assert engine.step({"a": [8]}, after=0.02) == {"a": [[7, 8]]}


def test_an_interval_of_0() -> None:
    """No token waits, however close it is to the one before."""
    engine = Engine(interval=0.0)
    engine.begin("a")

    assert [engine.step({"a": [token]}) for token in (7, 8)] == [{"a": [[7]]}, {"a": [[8]]}]


def test_a_stream_that_has_gone(engine: Engine) -> None:
    """Nothing is sent of a request that was aborted, and nothing is kept of it."""
    for name, whole in (("a", False), ("b", True), ("c", False)):
        engine.begin(name, whole=whole)
    engine.step({"a": [7], "b": [7]})
    del engine.requests["a"], engine.requests["b"]

    assert engine.step({"c": [7]}, after=INTERVAL) == {"c": [[7]]}
    assert engine.buffer._waiting == {}


def test_an_answer_that_is_not_streamed(engine: Engine) -> None:
    """It is sent in pieces of 32 tokens, however long that takes, and at its end."""
    engine.begin("a", whole=True)
    sent = []
    for token in range(1, 100):
        sent += engine.step({"a": [token]}, after=INTERVAL).get("a", [])

    assert sent == [[*range(1, 32)], [*range(32, 64)], [*range(64, 96)]]
    assert engine.step({"a": [100]}, last=True) == {"a": [[*range(96, 101)]]}


def test_several_tokens_of_a_step_in_a_whole_answer(engine: Engine) -> None:
    """As speculation draws them: a piece is sent by the step that fills it."""
    engine.begin("a", whole=True)

    sent = [engine.step({"a": [1, 2, 3, 4, 5]}) for _ in range(14)]

    assert [n for n, step in enumerate(sent, 1) if step] == [7, 13]


@pytest.mark.parametrize("whole", [True, False])
def test_stop_strings(engine: Engine, *, whole: bool) -> None:
    """They are looked for where tokens become text: no token is kept from there."""
    engine.begin("a", whole=whole, stop=["x"])

    assert engine.step({"a": [7]}) == {"a": [[7]]}


def test_log_probabilities(engine: Engine) -> None:
    """Outputs with log probabilities wait too, but are not joined."""
    engine.begin("a")
    for token in (7, 8):
        assert engine.step({"a": [token]}, new_logprobs=((token,),)) == {}

    assert engine.step({"a": [9]}, last=True, new_logprobs=((9,),)) == {"a": [[7], [8], [9]]}


@pytest.mark.parametrize(
    "more",
    [
        {"kv_transfer_params": {}},
        {"num_nans_in_logits": 1},
        {"trace_headers": {"a": "b"}},
        {"events": []},
    ],
)
def test_an_output_of_more_than_tokens(engine: Engine, more: dict[str, Any]) -> None:
    """It does not wait."""
    engine.begin("a")
    engine.step({"a": [7]})

    assert engine.step({"a": [8]}, **more) == {"a": [[7, 8]]}


def test_each_client_gets_its_own(engine: Engine) -> None:
    """Several servers may share an engine."""
    engine.begin("a", client=0)
    engine.begin("b", client=1)
    engine.step({"a": [7], "b": [7]})
    engine.now += INTERVAL

    sent = engine.send({})

    assert {client: [o.request_id for o in one.outputs] for client, one in sent.items()} == {
        0: ["a"],
        1: ["b"],
    }


def test_statistics_are_sent(engine: Engine) -> None:
    """A step without a token to send may have vLLM's own statistics, which are sent."""
    stats = import_module("vllm.v1.metrics.stats").SchedulerStats()
    step = import_module("vllm.v1.engine").EngineCoreOutputs(scheduler_stats=stats)

    assert engine.send({0: step}) == {0: step}
