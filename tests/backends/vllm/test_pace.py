"""When the engine tells of its tokens: steps fed by hand, then its own."""

from importlib import import_module
from typing import Any

import pytest
from msgspec.structs import replace

from backends.base import ChatBackend, TextDelta
from tests.backends.vllm.dialogue import WITHOUT_END, generation

pytestmark = pytest.mark.usefixtures("requires_vllm")

STREAMS = 10
BEAT = 0.04
"""Seconds, of ten streams."""


class Engine:
    """Steps of an engine: which tokens it draws, and what it tells of them."""

    def __init__(self, *, streams: int = STREAMS) -> None:
        self._engine = import_module("vllm.v1.engine")
        self.pace = import_module("backends.vllm.pace").Pace()
        self.requests: dict[str, Any] = {}
        self.streams = streams
        self.now = 1000.0

    def begin(self, name: str, *, client: int = 0, whole: bool = False, **sampling: Any) -> None:
        """Take a request, and draw and tell its first token, which is 0."""
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
        """Draw tokens *after* seconds; return what is told of each request, output by output."""
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
        told = self.tell(step)
        found: dict[str, list[list[int]]] = {}
        for client, outputs in told.items():
            for output in outputs.outputs:
                assert client == self.requests.get(output.request_id, request).client_index
                found.setdefault(output.request_id, []).append(output.new_token_ids)
        return found

    def tell(self, step: dict[int, Any]) -> dict[int, Any]:
        """Return what is told after *step*, by client."""
        told: dict[int, Any] = self.pace.tell(
            step, self.requests, streams=self.streams, now=self.now
        )
        return told


@pytest.fixture
def engine() -> Engine:
    """Make an engine that has just told of its streams."""
    engine = Engine()
    engine.tell({})
    return engine


def test_the_first_token_never_waits(engine: Engine) -> None:
    """A new stream begins at once, also between two beats."""
    engine.begin("a")
    engine.begin("b")


def test_streams_that_are_slower_than_the_beat(engine: Engine) -> None:
    """They get every token as it comes."""
    engine.begin("a")

    for token in (7, 8, 9):
        assert engine.step({"a": [token]}, after=BEAT) == {"a": [[token]]}


def test_streams_wait_for_the_beat(engine: Engine) -> None:
    """Tokens between two beats come with the next one after, each once and in order."""
    engine.begin("a")

    for tokens in ([8, 9, 10], [11], [], [12, 13]):
        for token in tokens:
            assert engine.step({"a": [token]}) == {}

        assert engine.step({"a": [99, 98]}, after=BEAT) == {"a": [[*tokens, 99, 98]]}


def test_the_end_never_waits(engine: Engine) -> None:
    """The last token brings all before it along, at once."""
    engine.begin("a")
    engine.step({"a": [8]})

    assert engine.step({"a": [9]}, last=True) == {"a": [[8, 9]]}


def test_one_beat_for_all(engine: Engine) -> None:
    """Streams share the beat, also those that had no part in the step that it comes with."""
    for name in ("a", "b", "c"):
        engine.begin(name)
        engine.step({name: [8]})

    told = engine.step({"a": [9], "b": [9]}, after=BEAT)

    assert told == {"a": [[8, 9]], "b": [[8, 9]], "c": [[8]]}


@pytest.mark.parametrize(("streams", "beat"), [(1, 0.04), (16, 0.064), (1000, 0.1)])
def test_the_beat(streams: int, beat: float) -> None:
    """The more streams run the slower it is, within bounds."""
    engine = Engine(streams=streams)
    engine.begin("a")

    assert engine.step({"a": [7]}, after=0.99 * beat) == {}
    assert engine.step({"a": [8]}, after=0.02 * beat) == {"a": [[7, 8]]}


def test_a_stream_that_has_gone(engine: Engine) -> None:
    """Nothing is told of a request that was aborted, and nothing is kept of it."""
    for name, whole in (("a", False), ("b", True), ("c", False)):
        engine.begin(name, whole=whole)
    engine.step({"a": [7], "b": [7]})
    del engine.requests["a"], engine.requests["b"]

    assert engine.step({"c": [7]}, after=BEAT) == {"c": [[7]]}
    assert engine.pace._held == {}


def test_an_answer_that_is_wanted_whole(engine: Engine) -> None:
    """It is told in pieces of 32 tokens, however long that takes, and at its end."""
    engine.begin("a", whole=True)
    told = []
    for token in range(1, 100):
        told += engine.step({"a": [token]}, after=BEAT).get("a", [])

    assert told == [[*range(1, 32)], [*range(32, 64)], [*range(64, 96)]]
    assert engine.step({"a": [100]}, last=True) == {"a": [[*range(96, 101)]]}


def test_several_tokens_of_a_step_in_a_whole_answer(engine: Engine) -> None:
    """As speculation draws them: a piece is told by the step that fills it."""
    engine.begin("a", whole=True)

    told = [engine.step({"a": [1, 2, 3, 4, 5]}) for _ in range(14)]

    assert [n for n, step in enumerate(told, 1) if step] == [7, 13]


@pytest.mark.parametrize("whole", [True, False])
def test_stop_strings(engine: Engine, *, whole: bool) -> None:
    """They are looked for where a token is told of: none is kept from there."""
    engine.begin("a", whole=whole, stop=["x"])

    assert engine.step({"a": [7]}) == {"a": [[7]]}


def test_log_probabilities(engine: Engine) -> None:
    """Outputs that tell of them are held too, one by one."""
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
def test_whatever_else_there_is_to_tell(engine: Engine, more: dict[str, Any]) -> None:
    """An output that tells more than tokens does not wait."""
    engine.begin("a")
    engine.step({"a": [7]})

    assert engine.step({"a": [8]}, **more) == {"a": [[7, 8]]}


def test_each_client_is_told_of_its_own(engine: Engine) -> None:
    """Several servers may share an engine."""
    engine.begin("a", client=0)
    engine.begin("b", client=1)
    engine.step({"a": [7], "b": [7]})
    engine.now += BEAT

    told = engine.tell({})

    assert {client: [o.request_id for o in one.outputs] for client, one in told.items()} == {
        0: ["a"],
        1: ["b"],
    }


def test_statistics_are_told(engine: Engine) -> None:
    """A step of which no token is told may have something else: vLLM's own statistics."""
    stats = import_module("vllm.v1.metrics.stats").SchedulerStats()
    step = import_module("vllm.v1.engine").EngineCoreOutputs(scheduler_stats=stats)

    assert engine.tell({0: step}) == {0: step}


# ── the engine ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("asynchronous", [True, False])
def test_the_scheduler_of_an_engine(*, asynchronous: bool) -> None:
    """It is vLLM's own, of either kind, at a pace."""
    pace = import_module("backends.vllm.pace")
    config = scheduling(async_scheduling=asynchronous)
    theirs = config.get_scheduler_cls()

    pace.set_pace(config)

    ours = config.get_scheduler_cls()
    assert issubclass(ours, theirs)
    assert issubclass(ours, pace.AsyncScheduler) == asynchronous
    assert ours.update_from_output is pace.PacedScheduler.update_from_output


def test_a_scheduler_of_the_users() -> None:
    """The option of vLLM's is kept."""
    config = scheduling(scheduler_cls="their.own")

    import_module("backends.vllm.pace").set_pace(config)

    assert config.scheduler_cls == "their.own"


def scheduling(**settings: Any) -> Any:
    """Return what vLLM knows of an engine's scheduler."""
    kind = import_module("vllm.config").SchedulerConfig
    return kind(max_model_len=64, is_encoder_decoder=False, **settings)


@pytest.mark.parametrize("logprobs", [2, None])
async def test_a_stream_is_the_whole_answer(backend: ChatBackend, logprobs: int | None) -> None:
    """Text, ids and log probabilities are those of the answer in one piece, in a few pieces."""
    asked = generation(
        max_tokens=64, temperature=0.0, logit_bias=WITHOUT_END, top_logprobs=logprobs
    )
    asked = replace(asked, extras={"return_token_ids": True})
    answer = backend.generate(replace(asked, stream=False))
    (whole,) = [item async for item in answer if isinstance(item, TextDelta)]

    pieces = [item async for item in backend.generate(asked) if isinstance(item, TextDelta)]

    first, *more = [len(piece.token_ids) for piece in pieces]
    assert first == 1
    assert max(more) > 1
    assert "".join(piece.text for piece in pieces) == whole.text
    assert [token for piece in pieces for token in piece.token_ids] == list(whole.token_ids)
    if logprobs is None:
        return
    for piece in pieces:
        assert len(piece.logprobs) == len(piece.token_ids)
    got = [token for piece in pieces for token in piece.logprobs]
    assert [token.drawn.token for token in got] == [t.drawn.token for t in whole.logprobs]
    assert [token.drawn.logprob for token in got] == pytest.approx(
        [token.drawn.logprob for token in whole.logprobs], abs=1e-4
    )
