"""The options that all requests of a run share."""

from typing import Any

import msgspec


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """The model and the parameters of every request of a run.

    *language* is for clips that do not state one. *prompt* is the transcription's prompt, or a
    system message before a dialogue. *temperature* None: the server's default. *max_tokens* and
    *seed* are for chats. *extra* is added to the request's body and overrides all other fields.
    For questions with choices only *model* and *extra* count: the server writes nothing.
    """

    model: str
    stream: bool = False
    language: str | None = None
    prompt: str | None = None
    temperature: float | None = 0.0
    max_tokens: int | None = None
    seed: int | None = None
    extra: dict[str, Any] = {}
