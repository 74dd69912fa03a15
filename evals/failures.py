"""Errors of an evaluation, from the manifest to the score."""

from pathlib import Path

MESSAGE_CHARACTERS = 300
"""Most characters of a failure's message that are shown; the results have all of it."""


class EvalsError(Exception):
    """The base class of the errors of this package; the message is for the user."""


class ManifestError(EvalsError):
    """A data set with a fault; the message has the file, the line and the JSON path."""


class CannotWrite(EvalsError):
    """Results or a summary that could not be written."""

    @classmethod
    def to(cls, place: Path, error: Exception) -> "CannotWrite":
        """Return the error for *place*, which *error* kept from being written."""
        reason = getattr(error, "strerror", None) or error
        return cls(f"cannot write to {place}: {reason}")


class NotARun(EvalsError):
    """A folder that does not have the summary and the results of a run."""


class NotComparable(EvalsError):
    """Two runs whose scores cannot be compared; the message has the reason."""


class OtherRun(EvalsError):
    """A folder with a run of other options or other data; the message names what differs."""


class FolderInUse(EvalsError):
    """The folder of a run that another process holds."""


class WrongTask(EvalsError):
    """Options that do not fit the kind of the samples."""


class ScorerFailed(EvalsError):
    """A scorer of the user's own that cannot be loaded, raised an error or returned no score."""


class NoKey(EvalsError):
    """A server on another machine without a key, or with a key that cannot be sent."""


class BadAddress(EvalsError):
    """A base URL that no request can be sent to; the message shows a right one."""


class WrongServer(EvalsError):
    """A server that answers, but not with this model, for this key, or in OpenAI's form."""


class ServerNotReady(EvalsError):
    """A server that did not answer in the time allowed."""


class BatchFailed(EvalsError):
    """A batch, or a file of one, that the server refused, lost or broke; the message says which."""


class ServerDied(EvalsError):
    """A server that was started here and has ended; the message ends with its last output."""


class SampleError(EvalsError):
    """A sample without an answer, though the server answered 200."""

    def __init__(self, message: str, *, request_id: str | None = None) -> None:
        super().__init__(message)
        self.request_id = request_id


class NoText(SampleError):
    """An answer without a text: null, missing, or not a completion. "" is a text."""


class NoLikelihood(SampleError):
    """An answer that does not have the log probability of each token of each choice."""


class NotStreamed(SampleError):
    """An answer that is not a stream, though a stream was requested."""


class StreamCut(SampleError):
    """A stream that ended before it was complete; the only failure here that is worth a retry."""


class NotScored(SampleError):
    """An answer that could not be scored; the message has its text."""


def short(message: str) -> str:
    """Return *message* on one line, cut after 300 characters: a proxy may answer with a page."""
    line = " ".join(message.split())
    return line if len(line) <= MESSAGE_CHARACTERS else f"{line[:MESSAGE_CHARACTERS]} …"
