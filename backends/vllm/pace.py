"""How often streams are told of their tokens: the more of them run, the less often each.

To make an output of a token, to wake its stream and to write costs some 40 µs of CPU, more than all
else that vLLM does for it; with hundreds of streams that is what a server spends its time with. So
vLLM is told to keep a stream's tokens to itself until the next *beat*: it has a number for that in
each request's state, its `stream_interval`. A stream's first token and its end never wait, and
where tokens are further apart than beats nothing does.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM
    from vllm.v1.engine.output_processor import RequestOutputCollector, RequestState

_A_STREAM = 0.004
"""Seconds between two beats for each running stream: telling all takes some 1 % of a core."""
_LEAST = 0.04
"""Seconds: as long as a picture of a film stays. Readers pay for each event, too."""
_MOST = 0.1
"""Seconds: people still see a text flow."""


class Pace:
    """The beat that all streams of one engine share."""

    def __init__(self) -> None:
        self._running = 0
        self._held: list[Held] = []

    def begin(self) -> None:
        """Count a stream that begins."""
        self._running += 1

    def end(self) -> None:
        """Count one that has ended."""
        self._running -= 1

    def follow(self, held: "Held") -> None:
        """Hold a stream that has just been told all until the next beat."""
        held.hold()
        if not self._held:
            interval = min(max(self._running * _A_STREAM, _LEAST), _MOST)
            asyncio.get_running_loop().call_later(interval, self._beat)
        self._held.append(held)

    def _beat(self) -> None:
        due, self._held = self._held, []
        for held in due:
            held.release()


class Held:
    """What vLLM knows of a running stream, and when it tells it."""

    def __init__(
        self, state: "RequestState", collector: "RequestOutputCollector", pace: Pace
    ) -> None:
        """Follow *pace* from now on, with all outputs that vLLM puts into *collector*."""
        self._state = state
        self._pace = pace
        self._put = collector.put
        self._least = state.stream_interval
        """Tokens of an output; asked for by the request or the engine's options."""
        collector.put = self._told

    def _told(self, output: Any) -> None:
        self._put(output)
        if isinstance(output, Exception) or output.finished:
            return
        # vLLM itself keeps this only while it tells several tokens at once.
        self._state.sent_tokens_offset = self._state.detokenizer.num_output_tokens()
        self._pace.follow(self)

    def hold(self) -> None:
        """Let nothing be told but the end."""
        self._state.stream_interval = sys.maxsize

    def release(self) -> None:
        """Let the next token be told, with all that was held."""
        # With 1, vLLM tells the next token alone, whatever it held.
        holds = self._state.detokenizer.num_output_tokens() > self._state.sent_tokens_offset
        self._state.stream_interval = max(2 if holds else 1, self._least)


async def paced(
    engine: "AsyncLLM", pace: Pace, prompt: Any, params: Any, **options: Any
) -> AsyncGenerator[Any, None]:
    """Yield what `AsyncLLM.generate` would, as *pace* has it; closing aborts, as there."""
    name = uuid4().hex
    collector = None
    finished = False
    pace.begin()
    try:
        collector = await engine.add_request(name, prompt, params, **options)
        # None: it has several choices, whose outputs are merged where nobody has taken them yet;
        # or it has ended already.
        state = engine.output_processor.request_states.get(collector.request_id)
        if state is not None:
            Held(state, collector, pace)
        while not finished:
            output = collector.get_nowait() or await collector.get()
            finished = output.finished
            yield output
    finally:
        pace.end()
        if collector is not None:
            collector.close()
        if not finished and not engine.errored:
            if collector is None:
                await engine.abort(name)
            else:
                await engine.abort(collector.request_id, internal=True)
