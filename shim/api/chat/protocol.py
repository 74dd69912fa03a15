"""The wire types of chat completions: OpenAI's shapes, nothing else."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from shim.api.generation.messages import CalledFunction, Messages, ToolChoice, ToolParam
from shim.api.generation.protocol import Count, Effort, FinishReason, Logprobs, StreamOptions, Usage
from shim.api.generation.response_format import ResponseFormat
from shim.api.generation.vllm_parameters import ChatFields
from shim.limits import Name

# ── request ───────────────────────────────────────────────────────────────────


class ChatRequest(ChatFields, frozen=True, kw_only=True):
    """The fields of OpenAI and vLLM that this route honours."""

    model: Name | None = None
    """May be missing if the URL names the model."""
    messages: Messages
    tools: list[ToolParam] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: Effort | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    max_output_tokens: Count | None = None
    """The name that responses use for the limit."""
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    # vLLM's parameters that only this route has
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None


# ── answer ────────────────────────────────────────────────────────────────────


class MadeToolCall(Struct, frozen=True, kw_only=True):
    """A tool call in the answer."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class AssistantMessage(Struct, frozen=True, kw_only=True):
    """The answer. Its content is a string, which may be empty; null only with tool calls."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: None = None
    tool_calls: list[MadeToolCall] | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    reasoning: str | UnsetType = UNSET
    """The same text as `reasoning_content`: some clients read one name, some the other."""


class Choice(Struct, frozen=True, kw_only=True):
    """One of the `n` answers."""

    index: int
    """From 0."""
    message: AssistantMessage
    logprobs: Logprobs | None
    finish_reason: FinishReason
    stop_reason: int | str | UnsetType = UNSET
    """vLLM's: the stop string or the token id that ended the text."""
    token_ids: list[int] | UnsetType = UNSET


class ChatCompletion(Struct, frozen=True, kw_only=True, tag_field="object", tag="chat.completion"):
    """A whole answer."""

    id: str
    created: int
    """Unix time in seconds."""
    model: str
    choices: list[Choice]
    usage: Usage
    system_fingerprint: str
    prompt_logprobs: list[Any] | UnsetType = UNSET
    prompt_token_ids: list[int] | UnsetType = UNSET


class FunctionPiece(Struct, frozen=True, kw_only=True):
    """A part of a tool call's function. First comes the whole name, then parts of the arguments."""

    name: str | UnsetType = UNSET
    arguments: str


class ToolCallPiece(Struct, frozen=True, kw_only=True):
    """What a chunk adds to one tool call."""

    index: int
    """The call's number in the choice, from 0."""
    id: str | UnsetType = UNSET
    type: Literal["function"] | UnsetType = UNSET
    function: FunctionPiece


class Delta(Struct, frozen=True, kw_only=True):
    """What a chunk adds to the message of one choice."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    reasoning: str | UnsetType = UNSET
    tool_calls: list[ToolCallPiece] | UnsetType = UNSET


class ChunkChoice(Struct, frozen=True, kw_only=True):
    """What a chunk adds to one choice."""

    index: int
    delta: Delta
    logprobs: Logprobs | None = None
    finish_reason: FinishReason | None = None
    stop_reason: int | str | UnsetType = UNSET
    token_ids: list[int] | UnsetType = UNSET


class ChatChunk(Struct, frozen=True, kw_only=True, tag_field="object", tag="chat.completion.chunk"):
    """One event of a stream. `id` and `created` are the same in all of them."""

    id: str
    created: int
    """Unix time in seconds."""
    model: str
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: Usage | UnsetType | None = UNSET
    """Present only if the request sets `include_usage`; null except in the last chunk."""
    prompt_token_ids: list[int] | UnsetType = UNSET
    """Present in the first chunk only."""
