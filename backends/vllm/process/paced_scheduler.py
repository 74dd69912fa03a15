"""A vLLM scheduler that sends tokens in batches: the more streams run, the longer a batch waits.

By itself vLLM's engine sends a message after each step. To receive it, to wake the streams and to
write for each is what a server would spend most of its CPU on. So the engine's scheduler buffers a
stream's tokens until the next *flush*, and those of an answer that is not streamed until they are
many. A stream's first token and its end never wait, and where tokens are further apart than flushes
no token does.

Imported in the engine's process: `scheduler_cls` names a class of this module there, and
`additional_config` carries the interval.
"""

import time
from collections.abc import Mapping
from operator import attrgetter, is_
from typing import Any

from vllm.config import VllmConfig
from vllm.sampling_params import RequestOutputKind
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.engine import EngineCoreOutput, EngineCoreOutputs
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.request import Request

from backends.vllm.requests.grammars import install

from .progress import at_home

_PER_STREAM = 0.004
"""Seconds of the default interval for each running stream: flushing takes some 1 % of a core."""
_SHORTEST = 0.04
"""The shortest default interval in seconds: one film frame (1/25 s). Events cost readers, too."""
_LONGEST = 0.1
"""The longest default interval in seconds: people still see a text flow."""
_PIECE = 32
"""Tokens of an answer that is not streamed, per message. To decode all of them at its end would
block the other requests."""
_INTERVAL = f"{__package__}.stream_interval_ms"
"""The key of `VllmConfig.additional_config`, which is vLLM's place for what is not its own."""

_TOKENS = ("request_id", "new_token_ids", "new_logprobs")
_more = attrgetter(*(name for name in EngineCoreOutput.__struct_fields__ if name not in _TOKENS))
_NOTHING = _more(EngineCoreOutput("", []))


class OutputBuffer:
    """The tokens of one engine's streams that wait for the next flush, which all streams share."""

    def __init__(self, interval: float | None = None) -> None:
        """Flush every *interval* seconds, 0: at each step, None: by the number of streams."""
        self._interval = interval
        self._held: dict[str, list[EngineCoreOutput]] = {}
        self._next = 0.0

    def passed(
        self,
        step: dict[int, EngineCoreOutputs],
        requests: Mapping[str, Request],
        *,
        streams: int,
        now: float,
    ) -> dict[int, EngineCoreOutputs]:
        """Return the outputs to send after *step*, by client, as vLLM's scheduler returns them.

        *requests* are those that have not ended, *streams* is how many of them run, *now* the
        seconds of a clock.
        """
        flush = now >= self._next
        for outputs in step.values():
            outputs.outputs = [
                sent
                for output in outputs.outputs
                for sent in self._sent(output, requests.get(output.request_id), flush=flush)
            ]
        if flush:
            self._next = now + self._seconds(streams)
            self._release(step, requests)
        return {client: outputs for client, outputs in step.items() if _is_content(outputs)}

    def _seconds(self, streams: int) -> float:
        """Return the seconds from a flush to the next."""
        if self._interval is not None:
            return self._interval
        return min(max(streams * _PER_STREAM, _SHORTEST), _LONGEST)

    def _sent(
        self, output: EngineCoreOutput, request: Request | None, *, flush: bool
    ) -> list[EngineCoreOutput]:
        """Return *output* and what was held before it, or nothing if it is held, too."""
        waits = _may_wait(output, request, flush=flush)
        held = self._held.pop(output.request_id, [])
        if held and held[-1].new_logprobs is None and output.new_logprobs is None:
            output.new_token_ids = held.pop().new_token_ids + output.new_token_ids
        held.append(output)
        if not waits:
            return held
        self._held[output.request_id] = held
        return []

    def _release(self, step: dict[int, EngineCoreOutputs], requests: Mapping[str, Request]) -> None:
        """Add to *step* the held tokens of streams that had no part in it; drop ended requests."""
        for name in list(self._held):
            request = requests.get(name)
            if request is None:
                del self._held[name]
            elif not _is_whole(request):
                outputs = step.setdefault(request.client_index, EngineCoreOutputs())
                outputs.outputs += self._held.pop(name)


def _is_content(outputs: EngineCoreOutputs) -> bool:
    return bool(outputs.outputs or outputs.finished_requests or outputs.scheduler_stats)


def _may_wait(output: EngineCoreOutput, request: Request | None, *, flush: bool) -> bool:
    """Return whether *output* holds only tokens and may wait for the next flush."""
    # The first output also describes the prompt, the last one the end.
    if request is None or not all(map(is_, _more(output), _NOTHING)):
        return False
    if request.sampling_params is None or request.sampling_params.stop:
        # Stop strings are looked for where tokens become text, which is not in the engine.
        return False
    if _is_whole(request):
        return bool(request.num_output_tokens % _PIECE >= len(output.new_token_ids))
    return not flush


def _is_whole(request: Request) -> bool:
    params = request.sampling_params
    return bool(params and params.output_kind is RequestOutputKind.FINAL_ONLY)


class PacedScheduler(Scheduler):  # type: ignore[misc]  # vLLM has no types
    """vLLM's scheduler, which sends the tokens of its streams at intervals."""

    def __init__(self, vllm_config: VllmConfig, *args: Any, **kwargs: Any) -> None:
        super().__init__(vllm_config, *args, **kwargs)
        install(self.structured_output_manager, vllm_config)
        milliseconds = vllm_config.additional_config.get(_INTERVAL)
        self._buffer = OutputBuffer(None if milliseconds is None else milliseconds / 1000)

    def update_from_output(
        self, scheduler_output: SchedulerOutput, model_runner_output: ModelRunnerOutput
    ) -> dict[int, EngineCoreOutputs]:
        """Take the model's output; return the outputs to send now, by client."""
        step = super().update_from_output(scheduler_output, model_runner_output)
        running = len(self.running)
        return self._buffer.passed(step, self.requests, streams=running, now=time.monotonic())


class PacedAsyncScheduler(PacedScheduler, AsyncScheduler):  # type: ignore[misc]  # vLLM has no types
    """The same for an engine that schedules a step while the one before it runs."""


def set_interval(config: VllmConfig, milliseconds: int | None) -> None:
    """Have the engine of *config* send tokens every so many *milliseconds*.

    0 stands for each token, None for the default. Raises ValueError for a number where the engine
    has been given another scheduler, or has processes that need not have this module.
    """
    scheduling = config.scheduler_config
    if scheduling.scheduler_cls is None and at_home(config):
        asynchronous = scheduling.async_scheduling
        scheduling.scheduler_cls = PacedAsyncScheduler if asynchronous else PacedScheduler
    elif milliseconds is not None:
        raise ValueError(
            "stream_interval_ms cannot be set for an engine with a scheduler of its own "
            "(`scheduler_cls`, diffusion), or with processes on other machines"
        )
    if milliseconds is not None:
        config.additional_config[_INTERVAL] = milliseconds


def is_paced(config: VllmConfig) -> bool:
    """Return whether the engine of *config* has a scheduler of this module."""
    return config.scheduler_config.scheduler_cls in (PacedScheduler, PacedAsyncScheduler)
