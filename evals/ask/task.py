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
