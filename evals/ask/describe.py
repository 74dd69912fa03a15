"""Describes an exception, as a message and as the Failure in the results."""

import openai

from evals.result import Failure


def to_failure(error: Exception, *, secret: str) -> Failure:
    """Return *error* as a Failure without *secret*, the key, which some servers repeat."""
    message = describe(error)
    return Failure(
        type=type(error).__name__,
        message=message.replace(secret, "[key]") if secret else message,
        status=getattr(error, "status_code", None),
        code=getattr(error, "code", None),
        request_id=getattr(error, "request_id", None),
    )


def describe(error: Exception) -> str:
    """Return the message of *error*; after the SDK's "Connection error." also its cause."""
    message = str(error) or type(error).__name__
    cause = error.__cause__
    if isinstance(error, openai.APIConnectionError) and cause is not None:
        return f"{message} ({type(cause).__name__}: {cause})"
    return message
