"""How often the engine tells of its tokens: the more streams run, the less often of each.

By itself vLLM's engine sends a message after each step. To take it, to wake the streams and to
write for each is what a server would spend most of its CPU on. So the engine's scheduler keeps a
stream's tokens until the next *beat*, and those of an answer that is wanted whole until they are
many. A stream's first token and its end never wait, and where tokens are further apart than beats
nothing does.

Imported in the engine's process: this is what `scheduler_cls` names there.
"""

import time
from collections.abc import Mapping
from operator import attrgetter, is_
from typing import Any

from vllm.config import SchedulerConfig
from vllm.sampling_params import RequestOutputKind
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.engine import EngineCoreOutput, EngineCoreOutputs
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.request import Request

_A_STREAM = 0.004
"""Seconds between two beats for each running stream: telling all takes some 1 % of a core."""
_LEAST = 0.04
"""Seconds: as long as a picture of a film stays. Readers pay for each event, too."""
_MOST = 0.1
"""Seconds: people still see a text flow."""
_PIECE = 32
"""Tokens of an answer that is wanted whole: making text of them all at its end would hold up who
else is served."""

_TOKENS = ("request_id", "new_token_ids", "new_logprobs")
_more = attrgetter(*(name for name in EngineCoreOutput.__struct_fields__ if name not in _TOKENS))
_NOTHING = _more(EngineCoreOutput("", []))


class Pace:
    """The beat that all streams of one engine share, and the tokens that wait for it."""

    def __init__(self) -> None:
        self._held: dict[str, list[EngineCoreOutput]] = {}
        self._next = 0.0

    def tell(
        self,
        step: dict[int, EngineCoreOutputs],
        requests: Mapping[str, Request],
        *,
        streams: int,
        now: float,
    ) -> dict[int, EngineCoreOutputs]:
        """Return what is to be told after *step*, by client, as vLLM's scheduler tells it.

        *requests* are those that have not ended, *streams* is how many of them run, *now* the
        seconds of a clock.
        """
        beat = now >= self._next
        for outputs in step.values():
            outputs.outputs = [
                told
                for output in outputs.outputs
                for told in self._passed(output, requests.get(output.request_id), beat=beat)
            ]
        if beat:
            self._next = now + min(max(streams * _A_STREAM, _LEAST), _MOST)
            self._release(step, requests)
        return {client: outputs for client, outputs in step.items() if _tells(outputs)}

    def _passed(
        self, output: EngineCoreOutput, request: Request | None, *, beat: bool
    ) -> list[EngineCoreOutput]:
        """Return *output* and what was held before it, or nothing: it is held, too."""
        waits = _may_wait(output, request, beat=beat)
        held = self._held.pop(output.request_id, [])
        if held and held[-1].new_logprobs is None and output.new_logprobs is None:
            output.new_token_ids = held.pop().new_token_ids + output.new_token_ids
        held.append(output)
        if not waits:
            return held
        self._held[output.request_id] = held
        return []

    def _release(self, step: dict[int, EngineCoreOutputs], requests: Mapping[str, Request]) -> None:
        """Add what streams hold that had no part in *step*; forget whoever has gone."""
        for name in list(self._held):
            request = requests.get(name)
            if request is None:
                del self._held[name]
            elif not _is_whole(request):
                outputs = step.setdefault(request.client_index, EngineCoreOutputs())
                outputs.outputs += self._held.pop(name)


def _tells(outputs: EngineCoreOutputs) -> bool:
    return bool(outputs.outputs or outputs.finished_requests or outputs.scheduler_stats)


def _may_wait(output: EngineCoreOutput, request: Request | None, *, beat: bool) -> bool:
    """Whether *output*, which has come at the *beat* or not, is but tokens that have time."""
    # The first tells of the prompt, too, and the last of the end.
    if request is None or not all(map(is_, _more(output), _NOTHING)):
        return False
    if request.sampling_params is None or request.sampling_params.stop:
        # Stop strings are looked for where tokens become text, which is not in the engine.
        return False
    if _is_whole(request):
        return bool(request.num_output_tokens % _PIECE >= len(output.new_token_ids))
    return not beat


def _is_whole(request: Request) -> bool:
    params = request.sampling_params
    return bool(params and params.output_kind is RequestOutputKind.FINAL_ONLY)


class PacedScheduler(Scheduler):  # type: ignore[misc]  # vLLM has no types
    """vLLM's scheduler, which tells of its tokens at a pace."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pace = Pace()

    def update_from_output(
        self, scheduler_output: SchedulerOutput, model_runner_output: ModelRunnerOutput
    ) -> dict[int, EngineCoreOutputs]:
        """Take what the model gave; return what is to be told now."""
        step = super().update_from_output(scheduler_output, model_runner_output)
        running = len(self.running)
        return self._pace.tell(step, self.requests, streams=running, now=time.monotonic())


class PacedAsyncScheduler(PacedScheduler, AsyncScheduler):  # type: ignore[misc]  # vLLM has no types
    """The same, for an engine that schedules a step while the one before it runs."""


def set_pace(config: SchedulerConfig) -> None:
    """Have the engine of *config* keep the pace, unless it has been given a scheduler."""
    if config.scheduler_cls is None:
        config.scheduler_cls = PacedAsyncScheduler if config.async_scheduling else PacedScheduler
