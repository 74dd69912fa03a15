"""Engine values → a response: as it begins, and whole."""

import secrets
import time
from collections.abc import Iterable

from msgspec.structs import replace

from backends.base import Extras, Finish, Generated, PromptEcho
from shim.api.generation.response_format import TextFormat

from .output import Output
from .protocol import (
    EndStatus,
    IncompleteDetails,
    OutputTokensDetails,
    Reasoning,
    Response,
    ResponsesRequest,
    TextConfig,
    Usage,
)


def begun(request: ResponsesRequest, *, model: str) -> Response:
    """Draw an id for the answer to *request* that begins now; nothing of it is there yet."""
    text = request.text or TextConfig()
    return Response(
        id=f"resp_{secrets.token_hex(16)}",
        created_at=int(time.time()),
        status="in_progress",
        model=model,
        output=[],
        instructions=request.instructions,
        max_output_tokens=request.max_output_tokens,
        max_tool_calls=request.max_tool_calls,
        metadata=request.metadata or {},
        parallel_tool_calls=request.parallel_tool_calls is not False,
        reasoning=request.reasoning or Reasoning(),
        temperature=request.temperature,
        text=replace(text, format=text.format or TextFormat()),
        tool_choice=request.tool_choice or "auto",
        tools=request.tools or [],
        top_logprobs=request.top_logprobs or 0,
        top_p=request.top_p,
        user=request.user,
    )


def response(begun: Response, items: Iterable[Generated]) -> Response:
    """Fold the *items* of a finished generation into the whole answer."""
    output = Output(begun)
    for item in items:
        match item:
            case Finish():
                finish = item
            case Extras() | PromptEcho():
                raise TypeError(f"a response has no {type(item).__name__}")
            case _:
                output.take(item)
    output.end()
    return ended(begun, output, finish)


def ended(begun: Response, output: Output, finish: Finish) -> Response:
    """Return the whole answer of an *output* that is written."""
    status = status_of(finish)
    return replace(
        begun,
        status=status,
        incomplete_details=IncompleteDetails() if status == "incomplete" else None,
        output=output.items(status),
        usage=Usage(
            input_tokens=finish.prompt_tokens,
            output_tokens=finish.completion_tokens,
            output_tokens_details=OutputTokensDetails(
                reasoning_tokens=finish.reasoning_tokens or 0
            ),
            total_tokens=finish.prompt_tokens + finish.completion_tokens,
        ),
    )


def status_of(finish: Finish) -> EndStatus:
    """Return how an answer ends."""
    return "incomplete" if finish.reason == "length" else "completed"
