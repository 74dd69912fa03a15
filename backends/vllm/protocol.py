"""The seam's values as vLLM's own request objects: pure functions."""

from typing import Any

from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.completion.protocol import CompletionRequest

from backends.base import Generation, JsonFormat, Sampling
from backends.conversation import Conversation, Media, Message, NamedTool, Tool, ToolCall
from backends.failures import UnsupportedOption


def chat_request(generation: Generation, conversation: Conversation) -> ChatCompletionRequest:
    """Return *generation*, which continues *conversation*, as vLLM's chat server reads it.

    Raises UnsupportedOption for extras that it does not know, and what its own validation raises.
    """
    sampling = generation.sampling
    return ChatCompletionRequest(
        **_extras(generation, ChatCompletionRequest),
        **_drawing(generation),
        **_tools(conversation),
        messages=[_message(message) for message in conversation.messages],
        logprobs=sampling.top_logprobs is not None,
        top_logprobs=sampling.top_logprobs or 0,
        add_generation_prompt=conversation.add_generation_prompt,
        continue_final_message=conversation.continue_final_message,
        chat_template_kwargs=dict(conversation.template_kwargs) or None,
    )


def completion_request(generation: Generation, prompt: str | tuple[int, ...]) -> CompletionRequest:
    """Return *generation*, which continues *prompt*, as vLLM's text server reads it.

    Raises what `chat_request` does.
    """
    return CompletionRequest(
        **_extras(generation, CompletionRequest),
        **_drawing(generation),
        prompt=prompt if isinstance(prompt, str) else list(prompt),
        max_tokens=generation.sampling.max_tokens,
        logprobs=generation.sampling.top_logprobs,
        echo=generation.echo,
    )


def constraint(generation: Generation) -> str | None:
    """Return the option by which *generation* constrains what may be drawn, if one does."""
    if "structured_outputs" in generation.extras:
        return "structured_outputs"
    if generation.format is not None:
        return "response_format"
    called = isinstance(generation.prompt, Conversation) and generation.prompt.tools
    return "tools" if called else None


def _extras(generation: Generation, kind: Any) -> dict[str, Any]:
    # vLLM itself would ignore a name that it does not know.
    for name in generation.extras:
        if name not in kind.model_fields:
            raise UnsupportedOption(f"`{name}` is not supported here by vLLM.", option=name)
    return dict(generation.extras)


def _drawing(generation: Generation) -> dict[str, Any]:
    """Return what both of vLLM's requests have the same words for."""
    sampling: Sampling = generation.sampling
    return {
        "stream": generation.stream,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "repetition_penalty": sampling.repetition_penalty,
        "seed": sampling.seed,
        "stop": list(sampling.stop),
        "logit_bias": {str(token): bias for token, bias in sampling.logit_bias.items()} or None,
        "response_format": None if generation.format is None else _format(generation.format),
    }


def _format(wanted: JsonFormat) -> dict[str, Any]:
    if wanted.schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": wanted.name, "schema": wanted.schema}}


# ── conversations ─────────────────────────────────────────────────────────────


def _tools(conversation: Conversation) -> dict[str, Any]:
    # vLLM refuses an empty list of tools, and a choice among none.
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
    # As it was sent: the template shows the model what is there.
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
