"""vLLM's exceptions by meaning: what crosses the seam instead of them."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from vllm.exceptions import VLLMClientError, VLLMError

from backends.base import EmbeddingJob, Sampling
from backends.failures import (
    EngineDead,
    InvalidOption,
    InvalidRequest,
    PromptTooLong,
    UnsupportedOption,
)

_OPTIONS = {"messages", *Sampling.__struct_fields__, *EmbeddingJob.__struct_fields__}
_RENAMED = {"logprobs": "top_logprobs"}
_PROMPT = {"input_text", "input_tokens"}
"""What vLLM calls the prompt when that is too long."""


@contextmanager
def by_meaning() -> Iterator[None]:
    """Raise what the seam names for anything that vLLM raises inside."""
    try:
        yield
    except (VLLMClientError, ValidationError) as refusal:
        raise refused(refusal) from refusal
    except VLLMError as failure:
        raise EngineDead(str(failure) or type(failure).__name__) from failure


def refused(error: VLLMClientError | ValidationError) -> InvalidRequest:
    """Return *error* in our terms, with the option at fault where vLLM tells it."""
    if isinstance(error, ValidationError):
        fault = error.errors()[0]
        name = str(fault["loc"][0]) if fault["loc"] else None
        return InvalidOption(f"{name}: {fault['msg']}", option=_option(name))
    message = str(error)
    # Half of vLLM's refusals name their parameter only as the first word of the message.
    name = getattr(error, "parameter", None) or message.partition(" ")[0]
    if name in _PROMPT:
        return PromptTooLong(message, option="messages")
    # "not yet supported with speculative decoding": the value is fine, the engine cannot.
    kind = UnsupportedOption if "supported" in message else InvalidOption
    return kind(message, option=_option(name))


def _option(name: str | None) -> str | None:
    name = _RENAMED.get(name, name) if name else None
    return name if name in _OPTIONS else None
