"""vLLM's exceptions by meaning: what crosses the seam instead of them."""

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

_OPTIONS = {
    "top_logprobs",
    *ChatCompletionRequest.model_fields,
    *CompletionRequest.model_fields,
    *EmbeddingJob.__struct_fields__,
}
_RENAMED = {"logprobs": "top_logprobs"}
_PLAIN = (
    ValueError,
    TypeError,
    OverflowError,
    NotImplementedError,
    AssertionError,
    TemplateError,
)
_FLAG = re.compile(r"(?<!\S)--([a-z]+(?:-[a-z]+)*)")
"""A flag of vLLM's server; here it is one of the model's options, with underscores."""

_PROMPT = {"input_text", "input_tokens"}
"""What vLLM calls the prompt when that is too long."""


@contextmanager
def as_refusals(*, suspect: str | None) -> Iterator[None]:
    """Raise InvalidRequest for what vLLM raises inside, where it reads a request.

    There it refuses with plain exceptions too: of its renderers, its media's readers, a template.
    The list is that of its own server, and AssertionError, by which it refuses prompts whose media
    have been truncated away. *suspect* is to blame where a refusal names no option.
    """
    try:
        yield
    except (VLLMClientError, ValidationError) as refusal:
        raise refused(refusal, suspect=suspect) from refusal
    except _PLAIN as refusal:
        raise InvalidOption(sanitize_message(str(refusal)), option="messages") from refusal


@contextmanager
def alive(engine: AsyncLLM | None, *, suspect: str | None = None) -> Iterator[AsyncLLM]:
    """Give *engine* to one request, and raise what the seam names for anything that fails inside.

    *suspect* is to blame where a refusal names no option. Raises EngineDead if there is none, or a
    dead one, or if it dies meanwhile.
    """
    if engine is None or engine.errored:
        raise EngineDead("The model's engine is not running; it may be back soon.")
    try:
        with by_meaning(suspect=suspect):
            yield engine
    # A request ends here: the parts of an engine that dies fail each in its own way (executors
    # that take no more, sockets that are closed), and vLLM's own error speaks of stack traces.
    except Exception as error:
        if isinstance(error, InvalidRequest) or not engine.errored:
            raise
        raise EngineDead("The model's engine died while it answered.") from error


@contextmanager
def by_meaning(*, suspect: str | None = None) -> Iterator[None]:
    """Raise what the seam names for anything that vLLM raises inside.

    *suspect* is the option that is to blame where a refusal names none.
    """
    try:
        yield
    except (VLLMClientError, ValidationError) as refusal:
        raise refused(refusal, suspect=suspect) from refusal
    except VLLMError as failure:
        raise EngineDead(str(failure) or type(failure).__name__) from failure


def refused(
    error: VLLMClientError | ValidationError, *, suspect: str | None = None
) -> InvalidRequest:
    """Return *error* in our terms, with the option at fault: vLLM's, else the *suspect*."""
    if isinstance(error, ValidationError):
        place, message = _fault(error)
        name = place.partition(".")[0].partition("[")[0]
        return InvalidOption(f"{place}: {message}", option=_option(name) or suspect)
    message = str(error)
    # vLLM leaves the reason of some of its refusals in their first cause.
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if (reason := str(cause).strip()) not in message:
        message = f"{message} {reason}"
    message = _FLAG.sub(lambda flag: f"`{flag[1].replace('-', '_')}`", message)
    # Half of vLLM's refusals name their parameter only as the first word of the message.
    name = getattr(error, "parameter", None) or message.partition(" ")[0]
    if name in _PROMPT:
        return PromptTooLong(message, option="messages")
    # "not yet supported with speculative decoding": the value is fine, the engine cannot.
    kind = UnsupportedOption if "supported" in message else InvalidOption
    return kind(message, option=_option(name) or suspect)


_BRANCHES = {"str", "int", "float", "bool", "dict", "list", "none"}
"""How pydantic calls some types among the parts of a path."""


def _fault(error: ValidationError) -> tuple[str, str]:
    """Return where *error*'s first field is at fault, and what is wrong there.

    Of a union each type has a fault: what counts is that of the type which fits best, whose fault
    lies deepest, and is not its being another type. If none fits, all are named.
    """
    found = [fault for fault in error.errors() if fault["loc"][:1] == error.errors()[0]["loc"][:1]]
    best = max(map(_fit, found))
    faults = [fault for fault in found if _fit(fault) == best]
    messages = list(dict.fromkeys(fault["msg"] for fault in faults))
    return _place(faults[0]["loc"]), " or: ".join(messages)


def _fit(fault: Any) -> tuple[int, bool]:
    return len(fault["loc"]), not fault["type"].endswith(("_type", "literal_error"))


def _place(loc: tuple[int | str, ...]) -> str:
    """Return the path *loc* without the names of types in it: `stop[1]`."""
    named = [p for p in loc if isinstance(p, int) or (p.isidentifier() and p not in _BRANCHES)]
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in named).removeprefix(".")


def _option(name: str | None) -> str | None:
    name = _RENAMED.get(name, name) if name else None
    return name if name in _OPTIONS else None
