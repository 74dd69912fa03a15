"""Translates the seam's values into vLLM's own request objects. Pure functions only."""

from dataclasses import fields
from typing import Any, TypeVar

from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.sampling_params import StructuredOutputsParams

from backends.base import Generation, JsonFormat, Sampling
from backends.conversation import Conversation, Media, Message, NamedTool, Tool, ToolCall
from backends.failures import InvalidOption, UnsupportedOption

Request = TypeVar("Request", ChatCompletionRequest, CompletionRequest)

_CONSTRAINTS = {field.name for field in fields(StructuredOutputsParams) if field.init}

_GREEDY_TEMPERATURE = 1e-5
"""The temperature below which vLLM's sampler is greedy. vLLM's `SamplingParams` raise a temperature
between 0 and 0.01 to 0.01."""
_GREEDY_TOP_P = 1e-7
"""The `top_p` below which sampling is greedy: in a vocabulary of any size the most probable token
is more probable than this, so that it alone can be drawn."""


def chat_request(generation: Generation, conversation: Conversation) -> ChatCompletionRequest:
    """Return *generation*, which continues *conversation*, as a request of vLLM's chat server.

    Raises UnsupportedOption for options that vLLM's class does not have, InvalidOption for an
    unknown key in `structured_outputs`, and what the class's own validation raises.
    """
    sampling = generation.sampling
    request = ChatCompletionRequest(
        **_extras(generation, ChatCompletionRequest),
        **_shared_fields(generation),
        **_tools(conversation),
        messages=[_message(message) for message in conversation.messages],
        logprobs=sampling.top_logprobs is not None,
        top_logprobs=sampling.top_logprobs or 0,
        add_generation_prompt=conversation.add_generation_prompt,
        continue_final_message=conversation.continue_final_message,
        chat_template_kwargs=dict(conversation.template_kwargs) or None,
    )
    return _with_stop(request, sampling)


def completion_request(generation: Generation, prompt: str | tuple[int, ...]) -> CompletionRequest:
    """Return *generation*, which continues *prompt*, as a request of vLLM's text server.

    Raises what `chat_request` raises.
    """
    request = CompletionRequest(
        **_extras(generation, CompletionRequest),
        **_shared_fields(generation),
        prompt=prompt if isinstance(prompt, str) else list(prompt),
        max_tokens=generation.sampling.max_tokens,
        logprobs=generation.sampling.top_logprobs,
        echo=generation.echo,
    )
    return _with_stop(request, generation.sampling)


def constraint_option(generation: Generation) -> str | None:
    """Return the option that limits which tokens *generation* may draw; None if none does."""
    if "structured_outputs" in generation.engine_options:
        return "structured_outputs"
    if generation.format is not None:
        return "response_format"
    has_tools = isinstance(generation.prompt, Conversation) and generation.prompt.tools
    return "tools" if has_tools else None


def must_call(generation: Generation) -> bool:
    """Return whether the answer to *generation* must be a tool call."""
    prompt = generation.prompt
    return isinstance(prompt, Conversation) and prompt.tool_choice not in ("auto", "none")


def _extras(generation: Generation, kind: Any) -> dict[str, Any]:
    # vLLM's classes ignore a field that they do not have.
    for name in generation.engine_options:
        if name not in kind.model_fields:
            raise UnsupportedOption(f"`{name}` is not supported here by vLLM.", option=name)
    constraint = generation.engine_options.get("structured_outputs", {})
    if unknown := constraint.keys() - _CONSTRAINTS:
        raise InvalidOption(
            f"`structured_outputs` has no `{min(unknown)}`.", option="structured_outputs"
        )
    return dict(generation.engine_options)


def _shared_fields(generation: Generation) -> dict[str, Any]:
    """Return the fields that both of vLLM's request classes have."""
    sampling: Sampling = generation.sampling
    return {
        "stream": generation.stream,
        "temperature": 0.0 if _is_greedy(sampling) else sampling.temperature,
        "top_p": 1.0 if _is_greedy(sampling) else sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "repetition_penalty": sampling.repetition_penalty,
        "seed": sampling.seed,
        "logit_bias": {str(token): bias for token, bias in sampling.logit_bias.items()} or None,
        "response_format": None if generation.format is None else _format(generation.format),
    }


def _is_greedy(sampling: Sampling) -> bool:
    """Return whether *sampling* always draws the most probable token.

    vLLM's server would refuse a `top_p` of 0, which OpenAI allows, and raise a tiny temperature.
    """
    temperature, top_p = sampling.temperature, sampling.top_p
    cold = temperature is not None and 0 <= temperature < _GREEDY_TEMPERATURE
    return cold or (top_p is not None and 0 <= top_p < _GREEDY_TOP_P)


def _with_stop(request: Request, sampling: Sampling) -> Request:
    """Return *request* with *sampling*'s stop strings.

    They are set after validation, which allows four at most. The engine takes any number.
    """
    request.stop = list(sampling.stop)
    return request


def _format(json_format: JsonFormat) -> dict[str, Any]:
    if json_format.schema is None:
        return {"type": "json_object"}
    schema = {"name": json_format.name, "schema": json_format.schema}
    return {"type": "json_schema", "json_schema": schema}


# ── conversations ─────────────────────────────────────────────────────────────


def _tools(conversation: Conversation) -> dict[str, Any]:
    # vLLM refuses an empty list of tools, and a `tool_choice` without tools.
    if not conversation.tools:
        return {}
    choice = conversation.tool_choice
    if isinstance(choice, NamedTool):
        named = {"type": "function", "function": {"name": choice.name}}
    return {
        "tools": [_tool(tool) for tool in conversation.tools],
        "tool_choice": named if isinstance(choice, NamedTool) else choice,
        "parallel_tool_calls": conversation.parallel_tool_calls,
    }


def _tool(tool: Tool) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": tool.strict,
    }
    # Without the fields that were not sent, because the template shows the model all of them.
    return {
        "type": "function",
        "function": {name: value for name, value in function.items() if value is not None},
    }


def _message(message: Message) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message.role, "content": _content(message)}
    if message.name is not None:
        turn["name"] = message.name
    if message.reasoning is not None:
        turn["reasoning"] = message.reasoning
    if message.tool_calls:
        turn["tool_calls"] = [_call(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        turn["tool_call_id"] = message.tool_call_id
    return turn


def _content(message: Message) -> str | list[dict[str, Any]]:
    if isinstance(message.content, str):
        return message.content
    return [_part(part) for part in message.content]


def _part(part: str | Media) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    kind = f"{part.kind}_url"
    return {"type": kind, kind: {"url": part.url}}


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}
