"""What can go wrong between a manifest and a number, by name, and how it is recorded."""

from pathlib import Path

import msgspec
import openai

MESSAGE_CHARACTERS = 300
"""Characters of a failure's message that are shown; the results have all of it."""


class EvalsError(Exception):
    """The root of what this package raises; its message is fit for the user's eyes."""


class ManifestError(EvalsError):
    """A manifest that cannot be trusted: file, line, and the path of the fault."""


class CannotWrite(EvalsError):
    """Results or a summary that could not be written."""

    @classmethod
    def to(cls, place: Path, error: Exception) -> "CannotWrite":
        """Say what kept *place* from being written."""
        reason = getattr(error, "strerror", None) or error
        return cls(f"cannot write to {place}: {reason}; choose another place with --out")


class NoKey(EvalsError):
    """The server is elsewhere and no key was given, or none that can be sent."""


class BadAddress(EvalsError):
    """A base URL that no request can be sent to; the message says how one is written."""


class WrongServer(EvalsError):
    """A server that answers, but not with this model, for this key, or in OpenAI's shape."""


class ServerNotReady(EvalsError):
    """Nobody answered in the time allowed."""


class ServerDied(EvalsError):
    """A server that was started here is gone; the message ends with what it said last."""


class SampleError(EvalsError):
    """One sample has no answer, though the server answered 200."""

    def __init__(self, message: str, *, request_id: str | None = None) -> None:
        super().__init__(message)
        self.request_id = request_id


class NoText(SampleError):
    """The answer holds no text: null, missing, or not a completion at all. Never taken for ""."""


class NotStreamed(SampleError):
    """A stream was asked for and something else came."""


class StreamCut(SampleError):
    """A stream ended before it was complete; the only failure here that is worth asking again."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A failed sample, as kept in the results.

    *type* is the exception's name, *status* the HTTP status if there was one, *code* OpenAI's
    error code, *request_id* the server's `x-request-id`.
    """

    type: str
    message: str
    status: int | None = None
    code: str | None = None
    request_id: str | None = None


def to_failure(error: Exception, *, secret: str) -> Failure:
    """Describe *error* without repeating *secret*, the key, which some servers quote back."""
    message = describe(error)
    return Failure(
        type=type(error).__name__,
        message=message.replace(secret, "[key]") if secret else message,
        status=getattr(error, "status_code", None),
        code=getattr(error, "code", None),
        request_id=getattr(error, "request_id", None),
    )


def describe(error: Exception) -> str:
    """Return what *error* says; the SDK's "Connection error." with what happened, its cause."""
    message = str(error) or type(error).__name__
    cause = error.__cause__
    if isinstance(error, openai.APIConnectionError) and cause is not None:
        return f"{message} ({type(cause).__name__}: {cause})"
    return message


def short(message: str) -> str:
    """Return *message* on one line, at most 300 characters: a proxy answers with whole pages."""
    line = " ".join(message.split())
    return line if len(line) <= MESSAGE_CHARACTERS else f"{line[:MESSAGE_CHARACTERS]} …"
