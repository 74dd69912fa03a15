"""Describes an exception, as a message and as the Failure in the results."""

import openai

from evals.failures import StreamCut
from evals.result import Failure

UNREACHABLE = {502, 503}
"""HTTP statuses of a server that cannot serve now, whatever the request is."""


def to_failure(error: Exception, *, secret: str) -> Failure:
    """Return *error* as a Failure without *secret*, the key, which some servers repeat."""
    message = describe(error)
    return Failure(
        type=type(error).__name__,
        message=message.replace(secret, "[key]") if secret else message,
        status=getattr(error, "status_code", None),
        code=getattr(error, "code", None),
        request_id=getattr(error, "request_id", None),
        unreachable=is_unreachable(error),
    )


def is_unreachable(error: Exception) -> bool:
    """Return whether *error* is of a server that is gone, not of the request or of slowness.

    A proxy answers 502 for a server that is gone; a server that is not ready, or stops, 503.
    """
    if isinstance(error, openai.APITimeoutError):
        # By name: the SDK can be used with several HTTP clients.
        return type(error.__cause__).__name__ == "ConnectTimeout"
    if isinstance(error, openai.APIStatusError):
        return error.status_code in UNREACHABLE
    return isinstance(error, openai.APIConnectionError | StreamCut)


def describe(error: Exception) -> str:
    """Return the message of *error*; after the SDK's "Connection error." also its cause."""
    if isinstance(error, openai.APIStatusError):
        return refusal(error.status_code, error.body)
    message = str(error) or type(error).__name__
    cause = error.__cause__
    if isinstance(error, openai.APIConnectionError) and cause is not None:
        return f"{message} ({type(cause).__name__}: {cause})"
    return message


def refusal(status: int, error: object) -> str:
    """Return the message of an answer with *status*, whose body has *error*.

    As newer versions of the SDK write it; older ones repeat the whole body.
    """
    said = error.get("message") if isinstance(error, dict) else None
    return f"Error code: {status}" + (f" - {said}" if isinstance(said, str) and said else "")
