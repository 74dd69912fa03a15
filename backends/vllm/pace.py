"""How often streams are woken: the more of them run, the less often each.

To wake a stream and to write costs some 40 µs of CPU, more than all that vLLM does for a token;
with hundreds of streams that is what a server spends its time with. So tokens that come between
two *beats* travel together, as they do in vLLM's own server where it cannot follow. A stream's
first token and its end never wait, and while one or two streams run nothing does.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM
    from vllm.v1.engine.output_processor import RequestOutputCollector

_A_STREAM = 0.001
"""Seconds between two beats for each running stream: waking all takes some 4 % of a core."""
_MOST = 0.1
"""Seconds: people still see a text flow."""
_LEAST = 0.003
"""Seconds under which a beat is not worth its timer."""


class Pace:
    """The beat that all streams of one engine share."""

    def __init__(self) -> None:
        self._running = 0
        self._due: list[Outputs] = []

    def begin(self) -> None:
        """Count a stream that begins."""
        self._running += 1

    def end(self) -> None:
        """Count one that has ended."""
        self._running -= 1

    def wake(self, outputs: "Outputs") -> None:
        """Wake *outputs* at the next beat, or at once if few streams run."""
        interval = min(self._running * _A_STREAM, _MOST)
        if interval < _LEAST:
            outputs.wake()
            return
        if not self._due:
            asyncio.get_running_loop().call_later(interval, self._beat)
        self._due.append(outputs)

    def _beat(self) -> None:
        due, self._due = self._due, []
        for outputs in due:
            outputs.wake()


class Outputs:
    """One request's outputs, each with all that has come since the one before."""

    def __init__(self, collector: "RequestOutputCollector", pace: Pace) -> None:
        """Take the *collector* that vLLM puts outputs into; it merges what nobody has taken."""
        self._collector = collector
        self._pace = pace
        self._merge = collector.put
        self._woken = asyncio.Event()
        self._begun = collector.output is not None
        if self._begun:
            self._woken.set()
        # What vLLM calls for every token: its own way is to wake the reader each time.
        collector.put = self._put

    def _put(self, output: Any) -> None:
        taken = self._collector.output is None
        self._merge(output)
        if not self._begun or isinstance(output, Exception) or output.finished:
            self._begun = True
            self._woken.set()
        elif taken:
            self._pace.wake(self)

    def wake(self) -> None:
        """Let the reader take what there is."""
        self._woken.set()

    async def next(self) -> Any:
        """Return the next `vllm.RequestOutput`; raise what vLLM puts there instead."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            # A late beat may find that all has been taken.
            if (output := self._collector.get_nowait()) is not None:
                return output


async def paced(
    engine: "AsyncLLM", pace: Pace, prompt: Any, params: Any, **options: Any
) -> AsyncGenerator[Any, None]:
    """Yield what `AsyncLLM.generate` would, merged as *pace* has it; closing aborts, as there."""
    collector = await engine.add_request(uuid4().hex, prompt, params, **options)
    outputs = Outputs(collector, pace)
    finished = False
    pace.begin()
    try:
        while not finished:
            output = await outputs.next()
            finished = output.finished
            yield output
    finally:
        pace.end()
        collector.close()
        if not finished and not engine.errored:
            await engine.abort(collector.request_id, internal=True)
