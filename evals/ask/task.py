"""How a sample is asked and what comes back; the asking is in `chat` and `transcription`."""

from typing import Any

import msgspec


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What every request of a run has in common.

    *prompt* is the transcription's prompt, or a system message before a dialogue. *temperature*
    None leaves it to the server. *language* serves clips that name none. *extra* goes into the
    request's body as it stands, over everything else.
    """

    model: str
    stream: bool = False
    language: str | None = None
    prompt: str | None = None
    temperature: float | None = 0.0
    max_tokens: int | None = None
    seed: int | None = None
    extra: dict[str, Any] = {}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the server said; None stands for what it did not say, and is never guessed.

    *model* is the name in the answer, *first_token* the seconds from the sample's start to the
    first text of the stream that arrived whole.
    """

    text: str
    model: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    first_token: float | None = None
    request_id: str | None = None
