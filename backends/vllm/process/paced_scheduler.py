"""A vLLM scheduler that sends tokens in batches: the more streams run, the longer a batch waits.

By itself vLLM's engine sends a message after each step. A server would spend most of its CPU on
receiving the messages, waking the streams and writing for each of them. So the engine's scheduler
buffers a stream's tokens until the next *flush*, and those of an answer that is not streamed until
there are 32. A stream's first token and its end never wait. If tokens are further apart than
flushes, no token waits.

The engine's process imports this module: `scheduler_cls` names one of its classes, and
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

from .progress import runs_locally

_PER_STREAM = 0.004
"""Seconds of the default interval per running stream: flushing then takes some 1 % of a core."""
_SHORTEST = 0.04
"""Seconds of the shortest default interval: one film frame (1/25 s). Events cost readers, too."""
_LONGEST = 0.1
"""Seconds of the longest default interval: people still see the text flow."""
_WHOLE_ANSWER_TOKENS = 32
"""Tokens in a message for an answer that is not streamed. Decoding all of its tokens at the end
would block other requests."""
_INTERVAL = f"{__package__}.stream_interval_ms"
"""The interval's key in `VllmConfig.additional_config`, which vLLM passes to its processes."""

_TOKEN_FIELDS = ("request_id", "new_token_ids", "new_logprobs")
_other_fields = attrgetter(
    *(name for name in EngineCoreOutput.__struct_fields__ if name not in _TOKEN_FIELDS)
)
_NO_OTHER_FIELDS = _other_fields(EngineCoreOutput("", []))
"""The values of all other fields in an output that holds only tokens."""


class OutputBuffer:
    """Holds the tokens of one engine's streams until the next flush, which all streams share."""

    def __init__(self, interval: float | None = None) -> None:
        """Flush every *interval* seconds; 0: after each step; None: by the number of streams."""
        self._interval = interval
        self._waiting: dict[str, list[EngineCoreOutput]] = {}
        """Request id → outputs that hold only tokens and are not sent yet."""
        self._next = 0.0

    def outputs_to_send(
        self,
        step: dict[int, EngineCoreOutputs],
        requests: Mapping[str, Request],
        *,
        streams: int,
        now: float,
    ) -> dict[int, EngineCoreOutputs]:
        """Return the outputs to send after *step*, by client.

        *step* is the result of vLLM's own scheduler, and is changed. *requests* has the requests
        that have not ended, by id. *streams* is the number of running requests, *now* the time of a
        monotonic clock in seconds.
        """
        flush = now >= self._next
        for outputs in step.values():
            outputs.outputs = [
                ready
                for output in outputs.outputs
                for ready in self._add(output, requests.get(output.request_id), flush=flush)
            ]
        if flush:
            self._next = now + self._flush_interval(streams)
            self._release(step, requests)
        return {client: outputs for client, outputs in step.items() if _has_content(outputs)}

    def _flush_interval(self, streams: int) -> float:
        """Return the seconds from one flush to the next."""
        if self._interval is not None:
            return self._interval
        return min(max(streams * _PER_STREAM, _SHORTEST), _LONGEST)

    def _add(
        self, output: EngineCoreOutput, request: Request | None, *, flush: bool
    ) -> list[EngineCoreOutput]:
        """Add *output*; return the outputs of its request to send now: all that waited, or none."""
        waits = _may_wait(output, request, flush=flush)
        outputs = self._waiting.pop(output.request_id, [])
        if outputs and outputs[-1].new_logprobs is None and output.new_logprobs is None:
            output.new_token_ids = outputs.pop().new_token_ids + output.new_token_ids
        outputs.append(output)
        if not waits:
            return outputs
        self._waiting[output.request_id] = outputs
        return []

    def _release(self, step: dict[int, EngineCoreOutputs], requests: Mapping[str, Request]) -> None:
        """Move the waiting tokens of streams to *step*; drop those of requests that have ended."""
        for request_id in list(self._waiting):
            request = requests.get(request_id)
            if request is None:
                del self._waiting[request_id]
            elif not _is_whole(request):
                outputs = step.setdefault(request.client_index, EngineCoreOutputs())
                outputs.outputs += self._waiting.pop(request_id)


def _has_content(outputs: EngineCoreOutputs) -> bool:
    return bool(outputs.outputs or outputs.finished_requests or outputs.scheduler_stats)


def _may_wait(output: EngineCoreOutput, request: Request | None, *, flush: bool) -> bool:
    """Return whether *output* holds only tokens and may wait.

    Tokens of a stream wait for the next flush, those of another answer for the next 32nd token.
    """
    # The first output also describes the prompt, and the last one the end.
    if request is None or not all(map(is_, _other_fields(output), _NO_OTHER_FIELDS)):
        return False
    if request.sampling_params is None or request.sampling_params.stop:
        # The server finds stop strings when it decodes tokens, so it needs each token at once.
        return False
    if _is_whole(request):
        # True unless this step has reached or passed a multiple of 32 tokens.
        return bool(request.num_output_tokens % _WHOLE_ANSWER_TOKENS >= len(output.new_token_ids))
    return not flush


def _is_whole(request: Request) -> bool:
    """Return whether the answer to *request* is wanted in one piece, not as a stream."""
    params = request.sampling_params
    return bool(params and params.output_kind is RequestOutputKind.FINAL_ONLY)


class PacedScheduler(Scheduler):  # type: ignore[misc]  # vLLM has no types
    """vLLM's scheduler, but tokens are sent at intervals."""

    def __init__(self, vllm_config: VllmConfig, *args: Any, **kwargs: Any) -> None:
        super().__init__(vllm_config, *args, **kwargs)
        install(self.structured_output_manager, vllm_config)
        milliseconds = vllm_config.additional_config.get(_INTERVAL)
        self._buffer = OutputBuffer(None if milliseconds is None else milliseconds / 1000)

    def update_from_output(
        self, scheduler_output: SchedulerOutput, model_runner_output: ModelRunnerOutput
    ) -> dict[int, EngineCoreOutputs]:
        """Process the model's output as vLLM does; return the outputs to send now, by client."""
        step = super().update_from_output(scheduler_output, model_runner_output)
        streams = len(self.running)
        now = time.monotonic()
        return self._buffer.outputs_to_send(step, self.requests, streams=streams, now=now)


class PacedAsyncScheduler(PacedScheduler, AsyncScheduler):  # type: ignore[misc]  # vLLM has no types
    """PacedScheduler for an engine that schedules a step while the previous one runs."""


def set_interval(config: VllmConfig, milliseconds: int | None) -> None:
    """Give the engine of *config* our scheduler, which sends tokens every *milliseconds*.

    0: each token is sent at once; None: the default interval. If the user has chosen another
    scheduler, or the engine has processes on machines that may lack this module, the engine keeps
    its scheduler, and a number raises ValueError.
    """
    scheduling = config.scheduler_config
    if scheduling.scheduler_cls is None and runs_locally(config):
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
