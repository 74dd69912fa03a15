"""Translates a chat request to a `Generation`: pure functions, no I/O."""

from backends.base import Generation
from backends.conversation import Conversation
from shim.api.generation.conversation import (
    adds_generation_prompt,
    to_messages,
    to_tool_choice,
    to_tools,
)
from shim.api.generation.response_format import to_format
from shim.api.generation.sampling import to_sampling
from shim.api.generation.stream_options import refuse_usage_without_stream
from shim.api.generation.token_limit import token_limit
from shim.api.generation.vllm_parameters import engine_options, fields_set
from shim.errors import InvalidParameter

from .protocol import ChatRequest


def to_generation(request: ChatRequest, *, lora: str | None = None) -> Generation:
    """Translate *request*; raise InvalidParameter or UnsupportedParameter, which names the field.

    *lora* is that of `Generation`.
    """
    if request.top_logprobs and not request.logprobs:
        raise InvalidParameter("`top_logprobs` needs `logprobs: true`.", param="top_logprobs")
    refuse_usage_without_stream(request.stream_options, stream=request.stream)
    return Generation(
        prompt=_conversation(request),
        sampling=to_sampling(
            request,
            max_tokens=_max_tokens(request),
            top_logprobs=(request.top_logprobs or 0) if request.logprobs else None,
        ),
        format=to_format(request.response_format),
        lora=lora,
        stream=bool(request.stream),
        engine_options={**engine_options(request), **fields_set(request, ("reasoning_effort",))},
    )


def _max_tokens(request: ChatRequest) -> int | None:
    names: tuple[str, ...] = ("max_completion_tokens", "max_output_tokens")
    # Clients that do not know which of OpenAI's two names a server supports send both, and the
    # newer one counts.
    if request.max_completion_tokens is None:
        names = (*names, "max_tokens")
    return token_limit(request, *names)


def _conversation(request: ChatRequest) -> Conversation:
    continues = request.continue_final_message
    opens_answer = adds_generation_prompt(add=request.add_generation_prompt, continues=continues)
    tools = to_tools(request.tools)
    return Conversation(
        messages=to_messages(request.messages),
        tools=tools,
        tool_choice=to_tool_choice(request.tool_choice, tools),
        parallel_tool_calls=request.parallel_tool_calls is not False,
        add_generation_prompt=opens_answer,
        continue_final_message=bool(continues),
        template_kwargs=request.chat_template_kwargs or {},
    )
