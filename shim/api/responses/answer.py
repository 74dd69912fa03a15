"""Makes a response from the request and the engine's items: the initial one, and the whole one."""

import secrets
import time
from collections.abc import Iterable

from msgspec.structs import replace

from backends.base import EngineExtras, Finish, Generated, PromptEcho
from shim.api.generation.response_format import TextFormat
from shim.api.generation.usage import Unfinished

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


def initial_response(request: ResponsesRequest, *, model: str) -> Response:
    """Return the response to *request* as it begins now: with a new id, without output."""
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


def response(initial: Response, items: Iterable[Generated]) -> Response:
    """Return *initial* completed by the *items* of a finished generation.

    Raises Unfinished if there is no `Finish` among them.
    """
    output = Output(initial)
    finish: Finish | None = None
    for item in items:
        match item:
            case Finish():
                finish = item
            case EngineExtras() | PromptEcho():
                raise TypeError(f"a response has no {type(item).__name__}")
            case _:
                output.add(item)
    if finish is None:
        raise Unfinished
    output.end()
    return final_response(initial, output, finish)


def final_response(initial: Response, output: Output, finish: Finish) -> Response:
    """Return *initial* with the items of *output*, which has ended, and the usage of *finish*."""
    status = status_of(finish)
    return replace(
        initial,
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
    """Return `incomplete` if the answer was cut at a limit of tokens, else `completed`."""
    return "incomplete" if finish.reason == "length" else "completed"
