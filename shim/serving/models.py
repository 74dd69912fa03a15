"""Name → served model."""

import hashlib
import time
from collections.abc import Sequence
from copy import copy
from typing import Any, Generic, TypeVar, cast

import msgspec

from backends.base import Backend, ChatBackend, EmbeddingBackend, SpeechBackend, TextBackend
from backends.config import ModelConfig, VllmModelConfig
from shim import __version__
from shim.errors import InvalidParameter, ModelFaulty, UnknownModel, shortened

from .admission import Admission
from .manifests import Manifests
from .self_test import SelfTest

B_co = TypeVar("B_co", bound=Backend, covariant=True)


_KINDS: tuple[Any, ...] = (ChatBackend, EmbeddingBackend, SpeechBackend, TextBackend)

_NAME_BYTES = 256
"""Bytes of an unknown name that an error repeats."""


class ServedModel(Generic[B_co]):
    """A backend with the queue in front of it, under its configured name."""

    adapter: str | None = None
    """Which of the backend's adapters this is; None: the model itself."""
    parent: str | None = None
    """The model that an adapter belongs to."""

    def __init__(self, config: ModelConfig, backend: B_co) -> None:
        self.id = config.id
        self.names: tuple[str, ...] = (config.id, *config.aliases)
        self.backend = backend
        # Once: to compare an object with a Protocol takes longer than to route a request.
        self.kinds = frozenset(kind for kind in _KINDS if isinstance(backend, kind))
        self.admission = Admission(max_running=config.max_running, max_waiting=config.max_waiting)
        self.manifests = Manifests()
        self.self_test = SelfTest(config.id, backend)
        self.created = int(time.time())
        self.fingerprint = _fingerprint(config)
        """Changes with this version and with the model's configuration."""

    async def ready(self) -> bool:
        """Whether the model has passed its self-test and would answer a request now."""
        return self.self_test.fault is None and await self.backend.ready()

    def refuse_beyond_capacity(self, count: int, param: str) -> None:
        """Raise InvalidParameter if so many prompts, the field *param*, can never fit the queue.

        At once: each would take a place, until none is left for anybody, and then be refused.
        """
        capacity = self.admission.capacity
        if count > capacity:
            raise InvalidParameter(
                f"`{param}` has {count} items, more than the {capacity} that can run and wait "
                "here together: send them in several requests.",
                param=param,
            )

    def adapted(self, name: str) -> "ServedModel[B_co]":
        """Return the same model, behind the same queue, with its adapter of that name."""
        adapted = copy(self)
        adapted.parent = self.id
        adapted.id = adapted.adapter = name
        adapted.names = (name,)
        return adapted


class Models:
    """All that is served here, by name and alias."""

    def __init__(self, configs: Sequence[ModelConfig], backends: Sequence[Backend]) -> None:
        self.served: list[ServedModel[Backend]] = []
        for config, backend in zip(configs, backends, strict=True):
            self.served.append(model := ServedModel(config, backend))
            if isinstance(config, VllmModelConfig):
                self.served += [model.adapted(name) for name in config.adapters]
        self._by_name = {name: model for model in self.served for name in model.names}
        self._pinned: str | None = None
        self._listed = True

    def pinned(self, name: str) -> "Models":
        """Return the same models for a request whose URL names one: no other is found."""
        pinned = copy(self)
        pinned._pinned = name  # noqa: SLF001  our own
        return pinned

    def unlisted(self) -> "Models":
        """Return the same models for a request without a key: no error lists their names."""
        unlisted = copy(self)
        unlisted._listed = False  # noqa: SLF001  our own
        return unlisted

    def named(self, name: str | None) -> str | None:
        """Return the name that counts: the URL's, else *name*, which the body says."""
        return self._pinned or name

    @property
    def self_tests(self) -> list[SelfTest]:
        """One for each backend: adapters share their model's."""
        return [model.self_test for model in self.served if model.parent is None]

    def drain(self) -> None:
        """End the requests that wait, and every later one, with ServerStopping."""
        for model in self.served:
            model.admission.drain()

    def stop(self) -> None:
        """End the requests that run, too."""
        for model in self.served:
            model.admission.stop()

    def find(self, name: str | None) -> ServedModel[Backend]:
        """Return the model of that name or alias; raise UnknownModel, listing what there is.

        Raises InvalidParameter if none is named. Without a key nothing is listed (`unlisted`).
        """
        if (name := self.named(name)) is None:
            raise InvalidParameter("Missing required parameter: 'model'.", param="model")
        if (model := self._by_name.get(name)) is None:
            short = shortened(name, _NAME_BYTES)
            says = f"The model `{short}` does not exist or you do not have access to it."
            raise self._unknown(says, f"Served here: {', '.join(self._by_name)}.")
        return model

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def chat(self, name: str | None) -> ServedModel[ChatBackend]:
        """Return the chat model of that name; raise what `_able` does."""
        return cast("ServedModel[ChatBackend]", self._able(name, ChatBackend, "chat completions"))

    def embedding(self, name: str | None) -> ServedModel[EmbeddingBackend]:
        """Return the embedding model of that name; raise what `_able` does."""
        model = self._able(name, EmbeddingBackend, "embeddings")
        return cast("ServedModel[EmbeddingBackend]", model)

    def speech(self, name: str | None) -> ServedModel[SpeechBackend]:
        """Return the speech model of that name; raise what `_able` does."""
        return cast("ServedModel[SpeechBackend]", self._able(name, SpeechBackend, "transcriptions"))

    def speech_only(self, name: str | None) -> ServedModel[SpeechBackend] | None:
        """Return the speech model of that name, None if none has it or another kind does."""
        model = self._by_name.get(self.named(name) or "")
        if model is None or SpeechBackend not in model.kinds or ChatBackend in model.kinds:
            return None
        return self.speech(name)

    def tokenizer(self, name: str | None) -> TextBackend:
        """Return the model of that name, or the first that reads text, as a tokenizer.

        Raises what `_able` does.
        """
        if (name := self.named(name)) is None:
            return self._first_text()
        return cast("TextBackend", self._able(name, TextBackend, "text").backend)

    def _first_text(self) -> TextBackend:
        for model in self.served:
            if TextBackend in model.kinds:
                return cast("TextBackend", model.backend)
        raise UnknownModel("No model that reads text is served here.", param="model")

    def first_speech(self) -> str | None:
        """Return the id of the first speech model, which is asked where none is named."""
        return next((m.id for m in self.served if SpeechBackend in m.kinds), None)

    def _able(self, name: str | None, kind: Any, what: str) -> ServedModel[Backend]:
        """Return the model of that name for *what*.

        Raises what `find` does, UnknownModel for a model of another kind, ModelFaulty for one that
        failed its self-test.
        """
        model = self.find(name)
        if kind not in model.kinds:
            says = f"The model `{self.named(name)}` does not serve {what}."
            raise self._unknown(says, f"Those here that do: {self._names_of(kind)}.")
        if model.self_test.fault is not None:
            raise ModelFaulty(
                f"The model `{self.named(name)}` cannot answer: its self-test failed. The server's "
                "log has the reason."
            )
        return model

    def _unknown(self, says: str, listing: str) -> UnknownModel:
        return UnknownModel(f"{says} {listing}" if self._listed else says, param="model")

    def _names_of(self, kind: type) -> str:
        models = (model for model in self.served if kind in model.kinds)
        return ", ".join(name for model in models for name in model.names) or "none"


def _fingerprint(config: ModelConfig) -> str:
    made_of = msgspec.json.encode((__version__, config), order="deterministic")
    return f"fp_{hashlib.sha256(made_of).hexdigest()[:12]}"
