"""What can go wrong between a manifest and a score, each under a name of its own."""

from pathlib import Path

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


def short(message: str) -> str:
    """Return *message* on one line, at most 300 characters: a proxy answers with whole pages."""
    line = " ".join(message.split())
    return line if len(line) <= MESSAGE_CHARACTERS else f"{line[:MESSAGE_CHARACTERS]} …"
