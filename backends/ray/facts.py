"""What a replica reports of itself once: what the server has to answer without a call."""

from collections.abc import Callable
from typing import Any, Literal, Protocol, runtime_checkable

from msgspec import Struct

from backends.base import (
    Backend,
    ChatBackend,
    EmbeddingBackend,
    Job,
    Prepared,
    SpeechBackend,
    TextBackend,
)

Kind = Literal["chat", "embedding", "speech"]


@runtime_checkable
class Portable(Protocol):
    """A speech backend that can check jobs in another process, without its engine."""

    @property
    def preparer(self) -> Callable[[Job], Prepared]:
        """What `prepare` calls: an object that can be pickled."""
        ...


class Facts(Struct, frozen=True, kw_only=True):
    """What does not change while a replica lives, and is the same in all of one model."""

    kind: Kind
    stamp: str
    """A hash of the model's files and of the versions of the engines' packages."""
    max_model_len: int = 0
    """Of chat and embedding models."""
    tokenizer_info: dict[str, Any] = {}
    """Of chat and embedding models."""
    languages: tuple[str, ...] = ()
    """Of speech models."""
    preparer: Callable[[Job], Prepared] | None = None
    """Of speech models."""


def facts(backend: Backend, stamp: str) -> Facts:
    """Return the facts of *backend*, whose files and packages have the hash *stamp*."""
    if isinstance(backend, TextBackend):
        return Facts(
            kind=_kind(backend),
            stamp=stamp,
            max_model_len=backend.max_model_len,
            tokenizer_info=backend.tokenizer_info(),
        )
    if not (isinstance(backend, SpeechBackend) and isinstance(backend, Portable)):
        raise TypeError(f"{type(backend).__name__} cannot run in a cluster")
    return Facts(kind="speech", stamp=stamp, languages=backend.languages, preparer=backend.preparer)


def _kind(backend: TextBackend) -> Kind:
    if isinstance(backend, ChatBackend):
        return "chat"
    if isinstance(backend, EmbeddingBackend):
        return "embedding"
    raise TypeError(f"{type(backend).__name__} is of no kind that a cluster serves")
