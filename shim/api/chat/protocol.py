"""The wire of chat completions: OpenAI's shapes as msgspec Structs, nothing else."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from shim.api.generation.messages import CalledFunction, Messages, ToolChoice, ToolParam
from shim.api.generation.protocol import Count, Effort, FinishReason, Logprobs, StreamOptions, Usage
from shim.api.generation.response_format import ResponseFormat
from shim.api.generation.vllm_parameters import ChatFields
from shim.limits import Name

# ── request ───────────────────────────────────────────────────────────────────


class ChatRequest(ChatFields, frozen=True, kw_only=True):
    """OpenAI's request and vLLM's extras: what is honoured of them."""

    model: Name | None = None
    """May be missing where the URL names it."""
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
    """What responses call it."""
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    # vLLM's, of chats alone.
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None


# ── answer ────────────────────────────────────────────────────────────────────


class MadeToolCall(Struct, frozen=True, kw_only=True):
    """A call that the answer makes."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class AssistantMessage(Struct, frozen=True, kw_only=True):
    """The answer; its content is a string, also where it is empty, unless there are calls."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: None = None
    tool_calls: list[MadeToolCall] | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    reasoning: str | UnsetType = UNSET
    """The same: clients differ in the name that they read."""


class Choice(Struct, frozen=True, kw_only=True):
    """One of the `n` answers."""

    index: int
    message: AssistantMessage
    logprobs: Logprobs | None
    finish_reason: FinishReason
    stop_reason: int | str | UnsetType = UNSET
    """vLLM's: the stop string or token id that ended it."""
    token_ids: list[int] | UnsetType = UNSET


class ChatCompletion(Struct, frozen=True, kw_only=True, tag_field="object", tag="chat.completion"):
    """A whole answer."""

    id: str
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    system_fingerprint: str
    prompt_logprobs: list[Any] | UnsetType = UNSET
    prompt_token_ids: list[int] | UnsetType = UNSET


class FunctionPiece(Struct, frozen=True, kw_only=True):
    """A piece of a call: its name comes first and whole."""

    name: str | UnsetType = UNSET
    arguments: str


class ToolCallPiece(Struct, frozen=True, kw_only=True):
    """What a chunk adds to a call."""

    index: int
    id: str | UnsetType = UNSET
    type: Literal["function"] | UnsetType = UNSET
    function: FunctionPiece


class Delta(Struct, frozen=True, kw_only=True):
    """What a chunk adds to a choice's message."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    reasoning: str | UnsetType = UNSET
    tool_calls: list[ToolCallPiece] | UnsetType = UNSET


class ChunkChoice(Struct, frozen=True, kw_only=True):
    """A chunk's piece of one choice."""

    index: int
    delta: Delta
    logprobs: Logprobs | None = None
    finish_reason: FinishReason | None = None
    stop_reason: int | str | UnsetType = UNSET
    token_ids: list[int] | UnsetType = UNSET


class ChatChunk(Struct, frozen=True, kw_only=True, tag_field="object", tag="chat.completion.chunk"):
    """One event of a stream; `id` and `created` are the same throughout."""

    id: str
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: Usage | UnsetType | None = UNSET
    """Present, and null but for the last chunk, only if `include_usage` asked for it."""
    prompt_token_ids: list[int] | UnsetType = UNSET
    """In the first chunk only."""
