"""The served models of a server, by name and alias, and the views of them that requests have."""

from collections.abc import Collection, Iterable
from copy import copy
from typing import Any, cast

from backends.base import (
    Backend,
    ChatBackend,
    EmbeddingBackend,
    RemoteBackend,
    SpeechBackend,
    TextBackend,
)
from shim.errors import InvalidParameter, ModelFaulty, UnknownModel, shortened

from .request_record import CURRENT
from .served_model import ServedModel

_NAME_BYTES = 256
"""Most bytes of an unknown name that an error message repeats."""


class Models:
    """All models of a server, by name and alias.

    `chat`, `embedding`, `speech` and `tokenizer` raise what `find` raises, UnknownModel for a model
    of another kind, and ModelFaulty for a model that failed its self-test.
    """

    def __init__(self, models: Iterable[ServedModel[Backend]]) -> None:
        """Serve *models*, and each one's LoRA adapters after it."""
        self.served: list[ServedModel[Backend]] = []
        for model in models:
            self.served += [model, *map(model.with_lora, model.adapters)]
        self.has_remote = any(RemoteBackend in model.kinds for model in self.served)
        """Whether a model here is on other servers."""
        self._by_name = {name: model for model in self.served for name in model.names}
        self._pinned: str | None = None
        self._listed = True

    def pinned(self, name: str) -> "Models":
        """Return the same models for a request whose URL has *name*: only that one is found."""
        pinned = copy(self)
        pinned._pinned = name  # noqa: SLF001  our own
        return pinned

    def unlisted(self) -> "Models":
        """Return the same models for a request without a key: errors do not list their names."""
        unlisted = copy(self)
        unlisted._listed = False  # noqa: SLF001  our own
        return unlisted

    def only(self, names: Collection[str]) -> "Models":
        """Return the models that have one of *names*: the others are not found, nor listed."""
        chosen = copy(self)
        chosen.served = [m for m in self.served if any(name in names for name in m.names)]
        chosen._by_name = {  # noqa: SLF001  our own
            name: model for model in chosen.served for name in model.names
        }
        return chosen

    def named(self, name: str | None) -> str | None:
        """Return the model's name in the URL or, without one, *name*, which is the body's."""
        return self._pinned or name

    def refuse_if_full(self) -> None:
        """Raise QueueFull if the queue of the model in the URL is full.

        If the URL names none, or none that is served here: if the queues of all models are full.
        """
        model = self._by_name.get(self._pinned or "")
        queues = [served.admission for served in ([model] if model else self.served)]
        if queues and all(queue.full for queue in queues):
            queues[0].refuse_if_full()

    def find(self, name: str | None) -> ServedModel[Backend]:
        """Return the model with that name or alias.

        Raises InvalidParameter if *name* is None and the URL names no model either, UnknownModel
        if no model has that name; its message lists all names, except after `unlisted`.
        """
        if (name := self.named(name)) is None:
            raise InvalidParameter("Missing required parameter: 'model'.", param="model")
        if (model := self._by_name.get(name)) is None:
            short = shortened(name, _NAME_BYTES)
            message = f"The model `{short}` does not exist or you do not have access to it."
            raise self._unknown(message, f"Served here: {', '.join(self._by_name)}.")
        if (record := CURRENT.get()) is not None:
            record.model = model.id
        return model

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def chat(self, name: str | None) -> ServedModel[ChatBackend]:
        """Return the chat model of that name."""
        model = self._of_kind(name, ChatBackend, "chat completions")
        return cast("ServedModel[ChatBackend]", model)

    def embedding(self, name: str | None) -> ServedModel[EmbeddingBackend]:
        """Return the embedding model of that name."""
        model = self._of_kind(name, EmbeddingBackend, "embeddings")
        return cast("ServedModel[EmbeddingBackend]", model)

    def speech(self, name: str | None) -> ServedModel[SpeechBackend]:
        """Return the speech model of that name."""
        model = self._of_kind(name, SpeechBackend, "transcriptions")
        return cast("ServedModel[SpeechBackend]", model)

    def remote(self, name: str | None) -> ServedModel[RemoteBackend] | None:
        """Return the model of that name if it is on other servers, else None.

        It may have failed its self-test: its servers may answer again before the next one.
        """
        model = self._by_name.get(self.named(name) or "")
        if model is None or RemoteBackend not in model.kinds:
            return None
        return cast("ServedModel[RemoteBackend]", model)

    def speech_only(self, name: str | None) -> ServedModel[SpeechBackend] | None:
        """Return the model of that name if it transcribes and does not chat, else None.

        Raises ModelFaulty if it failed its self-test.
        """
        model = self._by_name.get(self.named(name) or "")
        if model is None or SpeechBackend not in model.kinds or ChatBackend in model.kinds:
            return None
        return self.speech(name)

    def tokenizer(self, name: str | None) -> TextBackend:
        """Return the backend of the model of that name; without a name, of the first text model."""
        if (name := self.named(name)) is None:
            return self._first_text()
        return cast("TextBackend", self._of_kind(name, TextBackend, "text").backend)

    def _first_text(self) -> TextBackend:
        for model in self.served:
            if TextBackend in model.kinds:
                return cast("TextBackend", model.backend)
        raise UnknownModel("No model that reads text is served here.", param="model")

    def first_speech(self) -> str | None:
        """Return the id of the first speech model, None if there is none.

        It is the default for transcriptions whose body is JSON.
        """
        return next((m.id for m in self.served if SpeechBackend in m.kinds), None)

    def _of_kind(self, name: str | None, kind: Any, purpose: str) -> ServedModel[Backend]:
        """Return the model of that name, whose backend satisfies the Protocol *kind*.

        Raises what the class says. The message of UnknownModel says that a model of another kind
        does not serve *purpose*.
        """
        model = self.find(name)
        if kind not in model.kinds:
            message = f"The model `{self.named(name)}` does not serve {purpose}."
            raise self._unknown(message, f"Those here that do: {self._names_of(kind)}.")
        if model.self_test.fault is not None:
            raise ModelFaulty(
                f"The model `{self.named(name)}` cannot answer: its self-test failed. The server's "
                "log has the reason."
            )
        return model

    def _unknown(self, message: str, listing: str) -> UnknownModel:
        return UnknownModel(f"{message} {listing}" if self._listed else message, param="model")

    def _names_of(self, kind: type) -> str:
        models = (model for model in self.served if kind in model.kinds)
        return ", ".join(name for model in models for name in model.names) or "none"
