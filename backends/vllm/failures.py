"""Translates vLLM's exceptions into those of `backends.failures`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jinja2 import TemplateError
from pydantic import ValidationError
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.entrypoints.serve.exception_handling.utils import sanitize_message
from vllm.exceptions import VLLMClientError, VLLMError
from vllm.v1.engine.async_llm import AsyncLLM

from backends.base import EmbeddingJob
from backends.failures import (
    EngineDead,
    InvalidOption,
    InvalidRequest,
    PromptTooLong,
    UnsupportedOption,
)

_FIELDS = {
    *ChatCompletionRequest.model_fields,
    *CompletionRequest.model_fields,
    *EmbeddingJob.__struct_fields__,
}
_OPTIONS = {name: name for name in _FIELDS} | {"logprobs": "top_logprobs"}
"""The seam's name of each parameter of vLLM; other words are not options."""
_REQUEST_ERRORS = (
    ValueError,
    TypeError,
    OverflowError,
    NotImplementedError,
    AssertionError,
    TemplateError,
)
_FLAG = re.compile(r"(?<!\S)--([a-z]+(?:-[a-z]+)*)")
"""A flag of vLLM's server; here it is one of the model's options, with underscores."""

PROMPT_PARAMETERS = {"input_text", "input_tokens"}
"""The parameters that vLLM names when the prompt is too long."""


_ENDS = 600
"""Characters of a message that are kept at its beginning and at its end."""


def sanitized(message: str) -> str:
    """Return *message* without the traces, addresses and paths that vLLM's errors may have.

    It is cut before: the time of vLLM's expressions grows with the square of a message's length,
    and a message may repeat the request.
    """
    if len(message) > 2 * _ENDS:
        message = f"{message[:_ENDS]} … {message[-_ENDS:]}"
    return str(sanitize_message(message))


@contextmanager
def translated_request_errors(*, default_option: str | None) -> Iterator[None]:
    """Raise InvalidRequest for the errors that vLLM raises while it reads a request.

    Its renderers, readers of media and chat templates raise plain exceptions too. They are those
    that its own server expects, and AssertionError, which it raises for a prompt whose media were
    truncated away. *default_option* is reported if vLLM's error names no parameter.
    """
    try:
        yield
    except (VLLMClientError, ValidationError) as error:
        raise invalid_request(error, default_option=default_option) from error
    except _REQUEST_ERRORS as error:
        raise InvalidOption(sanitized(str(error)), option="messages") from error


@contextmanager
def live_engine(engine: AsyncLLM | None) -> Iterator[AsyncLLM]:
    """Yield *engine* to one request, and translate the errors inside.

    Raises EngineDead if *engine* is None or dead, or if it dies while the request runs; else what
    `translated_errors` raises.
    """
    if engine is None or engine.errored:
        raise EngineDead("The model's engine is not running; it may be back soon.")
    try:
        with translated_errors():
            yield engine
    # The parts of a dying engine fail in many ways (executors that take no more work, closed
    # sockets), and vLLM's own error is about stack traces. So every exception is caught here,
    # where the request ends.
    except Exception as error:
        if isinstance(error, InvalidRequest) or not engine.errored:
            raise
        raise EngineDead("The model's engine died while it answered.") from error


@contextmanager
def translated_errors(*, default_option: str | None = None) -> Iterator[None]:
    """Raise InvalidRequest or EngineDead for the errors that vLLM raises inside.

    *default_option* is reported if vLLM's error names no parameter.
    """
    try:
        yield
    except (VLLMClientError, ValidationError) as error:
        raise invalid_request(error, default_option=default_option) from error
    except VLLMError as error:
        raise EngineDead(sanitized(str(error)) or type(error).__name__) from error


def invalid_request(
    error: VLLMClientError | ValidationError, *, default_option: str | None = None
) -> InvalidRequest:
    """Return *error* as one of ours, with vLLM's option if it names one, else *default_option*."""
    if isinstance(error, ValidationError):
        path, message = _first_fault(error)
        name = path.partition(".")[0].partition("[")[0]
        return InvalidOption(f"{path}: {message}", option=_OPTIONS.get(name) or default_option)
    message = str(error)
    # Some of vLLM's errors have their reason only in their first cause.
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if (reason := str(cause).strip()) not in message:
        message = f"{message} {reason}"
    message = _FLAG.sub(lambda flag: f"`{flag[1].replace('-', '_')}`", message)
    # Half of vLLM's errors name their parameter only as the first word of the message.
    name = getattr(error, "parameter", None) or message.partition(" ")[0]
    if name in PROMPT_PARAMETERS:
        return PromptTooLong(message, option="messages")
    message = sanitized(message)
    # "not yet supported with speculative decoding": the engine cannot serve a valid value.
    kind = UnsupportedOption if "supported" in message else InvalidOption
    return kind(message, option=_OPTIONS.get(name) or default_option)


_TYPE_NAMES = {"str", "int", "float", "bool", "dict", "list", "none"}
"""Names of types that pydantic puts among the parts of a path, one for each branch of a union."""


def _first_fault(error: ValidationError) -> tuple[str, str]:
    """Return the path of *error*'s first wrong field, and the message about it.

    In a union each type reports a fault. The one that counts is that of the type which fits best:
    its fault lies deepest, and is not that the type itself is wrong. If several types fit equally
    well, all their messages are joined.
    """
    field = error.errors()[0]["loc"][:1]
    faults = [fault for fault in error.errors() if fault["loc"][:1] == field]
    best = max(map(_fit, faults))
    faults = [fault for fault in faults if _fit(fault) == best]
    messages = list(dict.fromkeys(fault["msg"] for fault in faults))
    return _path(faults[0]["loc"]), " or: ".join(messages)


def _fit(fault: Any) -> tuple[int, bool]:
    return len(fault["loc"]), not fault["type"].endswith(("_type", "literal_error"))


def _path(loc: tuple[int | str, ...]) -> str:
    """Return *loc* as a path without names of types: `stop[1]`."""
    parts = [p for p in loc if isinstance(p, int) or (p.isidentifier() and p not in _TYPE_NAMES)]
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts).removeprefix(".")
