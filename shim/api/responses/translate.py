"""Translates a request for a response to a `Generation`: pure functions, no I/O."""

from collections.abc import Mapping
from typing import NamedTuple

from backends.base import Generation, JsonFormat
from backends.conversation import Conversation
from shim.api.generation.conversation import to_tool_choice, to_tools
from shim.api.generation.messages import (
    FunctionDefinition,
    FunctionName,
    NamedToolChoice,
    ToolParam,
)
from shim.api.generation.messages import ToolChoice as ChatToolChoice
from shim.api.generation.response_format import JsonSchema, JsonSchemaFormat, to_format
from shim.api.generation.sampling import to_sampling
from shim.api.generation.token_limit import token_limit
from shim.api.generation.vllm_parameters import engine_options

from .conversation import to_turns
from .protocol import (
    LOGPROBS,
    FunctionChoice,
    FunctionTool,
    ResponsesRequest,
    SchemaFormat,
    ToolChoice,
)


class EngineCall(NamedTuple):
    """A generation, and the request's names for its fields."""

    generation: Generation
    places: Mapping[str, str]
    """The engine's name of a field → its path in the request, for `parameter_names.renamed`."""


def to_generation(
    request: ResponsesRequest, *, lora: str | None = None, strict: bool = False
) -> EngineCall:
    """Translate *request*; raise InvalidParameter or UnsupportedParameter, which names the field.

    *lora* is that of `Generation`. *strict* also refuses undocumented names in the items.
    """
    turns = to_turns(request.input, request.instructions, strict=strict)
    tools = to_tools([_tool(tool) for tool in request.tools or ()])
    generation = Generation(
        prompt=Conversation(
            messages=tuple(turns.messages),
            tools=tools,
            tool_choice=to_tool_choice(_choice(request.tool_choice), tools),
            parallel_tool_calls=request.parallel_tool_calls is not False,
            template_kwargs=request.chat_template_kwargs or {},
        ),
        sampling=to_sampling(
            request,
            max_tokens=token_limit(
                request, "max_output_tokens", "max_completion_tokens", "max_tokens"
            ),
            top_logprobs=_top_logprobs(request),
        ),
        format=_format(request),
        lora=lora,
        stream=bool(request.stream),
        engine_options={**engine_options(request), **_effort(request)},
    )
    return EngineCall(generation, {**turns.places, **_PLACES})


_PLACES = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
}
"""The engine's names of fields outside the items → their paths in the request."""


def _tool(tool: FunctionTool) -> ToolParam:
    return ToolParam(
        function=FunctionDefinition(
            name=tool.name,
            description=tool.description,
            parameters=tool.parameters,
            strict=tool.strict,
        )
    )


def _choice(choice: ToolChoice | None) -> ChatToolChoice | None:
    if isinstance(choice, FunctionChoice):
        return NamedToolChoice(function=FunctionName(choice.name))
    return choice


def _top_logprobs(request: ResponsesRequest) -> int | None:
    # `top_logprobs` alone is enough: some clients do not send `include` with it.
    if request.top_logprobs or LOGPROBS in (request.include or ()):
        return request.top_logprobs or 0
    return None


def _format(request: ResponsesRequest) -> JsonFormat | None:
    format_ = None if request.text is None else request.text.format
    if isinstance(format_, SchemaFormat):
        return to_format(JsonSchemaFormat(JsonSchema(name=format_.name, schema=format_.schema)))
    return to_format(format_)


def _effort(request: ResponsesRequest) -> dict[str, str]:
    effort = None if request.reasoning is None else request.reasoning.effort
    return {} if effort is None else {"reasoning_effort": effort}
