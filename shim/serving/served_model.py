"""One served model: a backend with the queue in front of it, and `run`, the one way to it."""

import hashlib
import time
from collections.abc import AsyncGenerator
from copy import copy
from typing import Any, Generic, TypeVar

import msgspec

from backends.base import (
    Backend,
    ChatBackend,
    EmbeddingBackend,
    RemoteBackend,
    SpeechBackend,
    TextBackend,
)
from backends.config import ModelConfig, VllmModelConfig, WhisperModelConfig, without_keys
from shim import __version__
from shim.errors import InvalidParameter

from .admission import Admission
from .manifests import Manifests
from .request_metrics import RequestMetrics, Route
from .self_test import SelfTest

B_co = TypeVar("B_co", bound=Backend, covariant=True)
T = TypeVar("T")

_KINDS: tuple[Any, ...] = (
    ChatBackend,
    EmbeddingBackend,
    SpeechBackend,
    TextBackend,
    RemoteBackend,
)


class ServedModel(Generic[B_co]):
    """A backend with the queue in front of it, under its configured name."""

    lora: str | None = None
    """The name of the LoRA adapter that this is; None if this is the model itself."""
    parent: str | None = None
    """The id of the model that a LoRA adapter belongs to; None if this is a model."""

    def __init__(self, config: ModelConfig, backend: B_co, metrics: RequestMetrics) -> None:
        self.id = config.id
        """The configured name of the model or adapter; the value of the metrics' label `model`."""
        self.names: tuple[str, ...] = (config.id, *config.aliases)
        """All names by which a request may name this model."""
        self.adapters = tuple(config.adapters) if isinstance(config, VllmModelConfig) else ()
        """Names of the model's LoRA adapters."""
        self.backend = backend
        # Computed once: comparing an object with a Protocol takes longer than routing a request.
        self.kinds = frozenset(kind for kind in _KINDS if isinstance(backend, kind))
        """The Protocols that the backend satisfies: ChatBackend, EmbeddingBackend …"""
        self.admission = Admission(max_running=config.max_running, max_waiting=config.max_waiting)
        self.max_running = config.max_running
        """The configured number of requests in the engine; on a cluster, in each replica."""
        self.max_waiting = config.max_waiting
        """The configured length of the queue; `admission` has the one in effect."""
        self.manifests = Manifests()
        """Manifests of the transcriptions that this model made."""
        self.self_test = SelfTest(config.id, backend)
        self.created = int(time.time())
        """When the model was opened, in Unix seconds."""
        self.fingerprint = _fingerprint(config)
        """A hash that changes with Shim's version and with the model's configuration."""
        self.stamp: str | None = None
        """A hash of the model's files and the engines' versions; None if they are not known."""
        self.is_greedy = isinstance(
            config, WhisperModelConfig
        ) and config.options.decoding.temperatures == (0.0,)
        """Whether recordings are decoded at temperature 0 alone unless a request says otherwise."""
        self._metrics = metrics

    def run(
        self, items: AsyncGenerator[T, None], *, route: Route, streamed: bool = True
    ) -> AsyncGenerator[T, None]:
        """Return a generator that runs one request: *items* of the backend, admitted and measured.

        Every request of every route goes through here, and no other code admits or measures one.
        `Admission` waits for a slot, passes *items* on and reports to a `RequestObserver`. A new
        stage for all requests belongs here, as a generator: around the admission if its refusals
        must not be counted, around *items* if it concerns only the engine.

        Nothing happens before the first item is requested. Then the generator raises QueueFull,
        ServerStopping or an error of the backend. `primed` waits for the first item, so that a
        refused stream gets the right status. Closing the generator closes *items*, which aborts the
        request in the engine, and gives its slot back.

        *route* labels the metrics. *streamed* is False if the backend may yield all output at the
        end: the time to its first token is then not measured.
        """
        observer = self._metrics.request(self.id, route, streamed=streamed)
        return self.admission.admit(items, observer)

    async def ready(self) -> bool:
        """Return True if the model has passed its self-test and would answer a request now."""
        if self.self_test.fault is not None or self.admission.draining:
            return False
        return await self.backend.ready()

    def refuse_beyond_capacity(self, count: int, param: str) -> None:
        """Raise InvalidParameter if the *count* items of the field *param* can never fit the queue.

        Without this check they would fill the queue, keep others out, and then be refused.
        """
        capacity = self.admission.capacity
        if count > capacity:
            raise InvalidParameter(
                f"`{param}` has {count} items, more than the {capacity} that can run and wait "
                "here together: send them in several requests.",
                param=param,
            )

    def configured(self, config: ModelConfig) -> "ServedModel[B_co]":
        """Return this model with the aliases of *config*, whose engine is the same.

        Both share the backend and the queue.
        """
        model = copy(self)
        model.names = (config.id, *config.aliases)
        model.max_waiting = config.max_waiting
        model.fingerprint = _fingerprint(config)
        return model

    def with_lora(self, name: str) -> "ServedModel[B_co]":
        """Return this model with its LoRA adapter *name*, under that name; both share the queue."""
        model = copy(self)
        model.parent = self.id
        model.id = model.lora = name
        model.names = (name,)
        return model


def _fingerprint(config: ModelConfig) -> str:
    encoded = msgspec.json.encode((__version__, without_keys(config)), order="deterministic")
    return f"fp_{hashlib.sha256(encoded).hexdigest()[:12]}"
