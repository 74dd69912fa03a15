"""Metrics of requests: their results, times, tokens and seconds of audio, by model and route.

A request here is one call of a backend, and takes one slot. Each prompt of a text completion and
each input of an embedding is one.
"""

import time
from functools import partial
from typing import Literal, TypeAlias

from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter

from backends.base import (
    Embedding,
    Finish,
    ReasoningDelta,
    RemoteHead,
    Segment,
    TextDelta,
    ToolCallDelta,
    TranscriptInfo,
)
from shim.errors import ClientGone, status_of

from .request_amounts import Amounts, Times
from .request_record import CURRENT

Route: TypeAlias = Literal[
    "chat", "completions", "responses", "embeddings", "transcriptions", "translations"
]
"""The route of a request: the values of the label `route`."""

_BY_ROUTE = ("model", "route")

_ANSWERED = "200"
_CLOSED = str(status_of(ClientGone("")))

_PIECES: frozenset[type] = frozenset({TextDelta, ReasoningDelta, ToolCallDelta, bytes})
"""Types of the pieces of an answer. Only the first piece of a request is recorded."""


class RemoteUsage(Struct, frozen=True, kw_only=True):
    """What another server's answer says at its end of what it took: an item for the observer."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    audio_seconds: float = 0.0


class RequestMetrics:
    """The counters and histograms of requests; `request` measures one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.results = Counter(
            "shim_requests",
            "Requests that have ended, by the HTTP status of their result: 200 if answered in "
            "full, 499 if closed early (by the client, or because another prompt of the same "
            "HTTP request failed), else that of the failure, also where a stream had begun. "
            "Requests that are refused before they reach the queue are not counted.",
            (*_BY_ROUTE, "status"),
            registry=registry,
        )
        self.times = Times(registry)
        self.amounts = Amounts(registry)
        self._series: dict[tuple[str, Route], _Series] = {}

    def request(self, model: str, route: Route, *, streamed: bool) -> "RequestObserver":
        """Return an observer of one request that came for *model* by *route*.

        *streamed* is False if the backend may yield all of its output at the end: the times of
        single items then mean nothing.
        """
        series = self._series.get((model, route))
        if series is None:
            series = self._series[model, route] = _Series(self, model, route)
        observer = RequestObserver(series, streamed=streamed)
        if observer.record is not None:
            observer.record.model, observer.record.route = model, route
        return observer


class _Series:
    """The metrics of one model and route. Looking one up by labels takes over a microsecond."""

    def __init__(self, metrics: RequestMetrics, model: str, route: Route) -> None:
        times, amounts = metrics.times, metrics.amounts
        self.result = partial(metrics.results.labels, model, route)
        self.queued = times.queued.labels(model)
        self.first_token = times.first_token.labels(model, route)
        self.per_token = times.per_token.labels(model, route)
        self.duration = times.duration.labels(model, route)
        self.prompt_tokens = amounts.prompt_tokens.labels(model, route)
        self.completion_tokens = amounts.completion_tokens.labels(model, route)
        # Made when first needed: a model that reads no audio has no seconds of it.
        self.audio = partial(amounts.audio.labels, model)
        self.real_time_factor = partial(amounts.real_time_factor.labels, model)


class RequestObserver:
    """Measures one request, as `Admission` has it: a context manager around waiting and running.

    A piece of text after the first costs a look into a set; the clock is not read for it.
    """

    def __init__(self, series: _Series, *, streamed: bool) -> None:
        self._series = series
        self.record = CURRENT.get()
        """The record of the HTTP request that this one is a part of; None outside of HTTP."""
        self._in_batch = self.record is not None and self.record.batch is not None
        """Whether nobody waits for the answer: it waits for a slot behind all clients, so its times
        would say nothing of theirs."""
        self.skipped: set[type] = set()
        """Types of items that are not observed: those of pieces, after the first piece."""
        self._streamed = streamed and not self._in_batch
        self._joined = 0.0
        """When the request joined the queue. All times here are in seconds of `perf_counter`."""
        self._first: float | None = None
        """When the first output came; None before."""
        self._last = 0.0
        """When the latest choice ended."""
        self._choices = 0
        self._prompt_tokens = 0
        self._completion_tokens = 0
        self._answered = _ANSWERED
        """The status if nothing fails."""
        self._audio_seconds = 0.0
        """Seconds that another server says it transcribed."""
        self._info: TranscriptInfo | None = None
        self._decoded = 0.0
        """When `_info` came."""

    def __enter__(self) -> None:
        self._joined = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        """Count the request by how it ended; without *error* it was answered in full."""
        status = _CLOSED  # GeneratorExit, CancelledError
        if error is None:
            status = self._answered
            if status == _ANSWERED:
                self._record()
        elif isinstance(error, Exception):
            status = str(status_of(error))
        self._series.result(status).inc()
        self._add_to_record()

    def _add_to_record(self) -> None:
        """Add what the engine has reported, also of a request that has failed."""
        if (record := self.record) is None:
            return
        record.prompt_tokens += self._prompt_tokens
        record.completion_tokens += self._completion_tokens
        record.audio_seconds += self._audio_seconds
        if self._info is not None:
            record.audio_seconds += self._info.duration

    def started(self) -> None:
        """Record how long the request waited; called when it has its slot."""
        seconds = time.perf_counter() - self._joined
        if not self._in_batch:
            self._series.queued.observe(seconds)
        if (record := self.record) is not None:
            record.queue_seconds = max(seconds, record.queue_seconds or 0.0)

    def add(self, item: object) -> None:
        """Record what *item* says of the request: its first output, its end, its tokens."""
        match item:
            case Finish():
                self._last = time.perf_counter()
                self._choices += 1
                self._prompt_tokens = item.prompt_tokens  # the same for all choices
                self._completion_tokens += item.completion_tokens
            case RemoteHead():
                self._answered = str(item.status)
            case RemoteUsage():
                self._last, self._choices = time.perf_counter(), 1
                self._prompt_tokens = item.prompt_tokens
                self._completion_tokens = item.completion_tokens
                self._audio_seconds = item.audio_seconds
            case TextDelta() | ReasoningDelta() | ToolCallDelta() | bytes():
                self._note_first()
            case Segment():
                self._note_first()
                self._completion_tokens += len(item.tokens)
            case TranscriptInfo():
                self._info, self._decoded = item, time.perf_counter()
                self._prompt_tokens = item.prompt_tokens
            case Embedding():
                self._prompt_tokens = item.prompt_tokens

    def _note_first(self) -> None:
        if self._first is None:
            self._first = time.perf_counter()
            self.skipped |= _PIECES
            if self.record is not None and self.record.first_output_seconds is None:
                self.record.first_output_seconds = self._first - self._joined
            if self._streamed:
                self._series.first_token.observe(self._first - self._joined)

    def _record(self) -> None:
        """Record the duration, tokens and audio of a request that was answered in full."""
        now, series = time.perf_counter(), self._series
        if not self._in_batch:
            series.duration.observe(now - self._joined)
        series.prompt_tokens.inc(self._prompt_tokens)
        series.completion_tokens.inc(self._completion_tokens)
        if self._streamed and self._first is not None and self._choices == 1:
            # As vLLM's `vllm:request_time_per_output_token_seconds`.
            intervals = self._completion_tokens - 1
            if intervals > 0:
                series.per_token.observe((self._last - self._first) / intervals)
        if self._audio_seconds:
            series.audio().inc(self._audio_seconds)
        if self._info is not None:
            series.audio().inc(self._info.duration)
            if self._info.duration:
                factor = (now - self._decoded) / self._info.duration
                series.real_time_factor().observe(factor)
