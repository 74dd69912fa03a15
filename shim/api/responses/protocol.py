"""The wire types of responses: OpenAI's request and answer, nothing else."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from shim.api.generation.protocol import Count, Effort, TokenLogprob
from shim.api.generation.response_format import JsonObjectFormat, TextFormat
from shim.api.generation.vllm_parameters import ChatFields
from shim.limits import Name

# ── request ───────────────────────────────────────────────────────────────────


class FunctionTool(Struct, frozen=True, kw_only=True):
    """A function that the model may call. Functions are the only supported kind of tool."""

    type: Literal["function"] = "function"
    name: Annotated[Name, Meta(min_length=1)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FunctionChoice(Struct, frozen=True, kw_only=True):
    """The one function that the model must call."""

    type: Literal["function"] = "function"
    name: Name


ToolChoice = Literal["none", "auto", "required"] | FunctionChoice


class SchemaFormat(Struct, frozen=True, kw_only=True, tag_field="type", tag="json_schema"):
    """A JSON value that satisfies a schema."""

    name: str
    schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None


Format = TextFormat | JsonObjectFormat | SchemaFormat


class TextConfig(Struct, frozen=True, kw_only=True):
    """The form of the generated text."""

    format: Format | None = None
    verbosity: str | None = None


class Reasoning(Struct, frozen=True, kw_only=True):
    """How much the model reasons, and whether its reasoning item has a summary."""

    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | UnsetType | None = UNSET
    """The earlier name of `summary`."""
    mode: str | None = None
    context: str | None = None


class StreamOptions(Struct, frozen=True, kw_only=True):
    """Options of a stream. None of OpenAI's options is honoured here."""


LOGPROBS = "message.output_text.logprobs"
"""The value of `include` by which a request gets log probabilities."""

Includable = Literal[
    "message.output_text.logprobs",
    # Accepted without effect: this server encrypts nothing and does not have these tools.
    "reasoning.encrypted_content",
    "message.input_image.image_url",
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
]

Metadata = dict[str, str]


class ResponsesRequest(ChatFields, frozen=True, kw_only=True):
    """The fields of OpenAI and vLLM that this route honours."""

    model: Name | None = None
    """May be missing if the URL names the model."""
    input: str | Annotated[list[dict[str, Any]], Meta(min_length=1)]
    """The text of a user's message, or items (`protocol_input.py`). A message needs no `type`."""
    instructions: str | None = None
    max_output_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    max_tokens: Count | None = None
    """The name that chats and text completions use for the limit."""
    tools: list[FunctionTool] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    text: TextConfig | None = None
    reasoning: Reasoning | None = None
    include: list[Includable] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    stream: bool | None = None
    metadata: Metadata | None = None
    user: str | None = None
    # These do not change the answer; only their form is checked.
    stream_options: StreamOptions | None = None
    max_tool_calls: int | None = None


# ── answer ────────────────────────────────────────────────────────────────────

EndStatus = Literal["completed", "incomplete"]
ItemStatus = Literal["in_progress"] | EndStatus


class OutputText(Struct, frozen=True, kw_only=True, tag_field="type", tag="output_text"):
    """A generated text."""

    text: str
    annotations: list[Any] = []
    logprobs: list[TokenLogprob] = []
    """An entry for each token; empty unless the request includes log probabilities."""


class OutputMessage(Struct, frozen=True, kw_only=True, tag_field="type", tag="message"):
    """The assistant's message."""

    id: str
    role: Literal["assistant"] = "assistant"
    status: ItemStatus
    content: list[OutputText]


class ReasoningText(Struct, frozen=True, kw_only=True, tag_field="type", tag="reasoning_text"):
    """Reasoning."""

    text: str


class SummaryText(Struct, frozen=True, kw_only=True, tag_field="type", tag="summary_text"):
    """The whole reasoning again: this server does not shorten it."""

    text: str


class OutputReasoning(Struct, frozen=True, kw_only=True, tag_field="type", tag="reasoning"):
    """The model's reasoning before its answer."""

    id: str
    summary: list[SummaryText]
    """Empty unless the request sets a summary. Some clients send back only the summary."""
    content: list[ReasoningText]
    encrypted_content: None = None
    status: ItemStatus


class OutputCall(Struct, frozen=True, kw_only=True, tag_field="type", tag="function_call"):
    """A tool call."""

    id: str
    call_id: str
    name: str
    arguments: str
    status: ItemStatus


OutputItem = OutputMessage | OutputReasoning | OutputCall


class InputTokensDetails(Struct, frozen=True, kw_only=True):
    """Always 0: clients require these fields, but cached tokens are not counted here."""

    cached_tokens: int = 0
    cache_write_tokens: int = 0


class OutputTokensDetails(Struct, frozen=True, kw_only=True):
    """How many of the output's tokens are reasoning; 0 if the engine does not count them."""

    reasoning_tokens: int


class Usage(Struct, frozen=True, kw_only=True):
    """Counts of tokens."""

    input_tokens: int
    input_tokens_details: InputTokensDetails = InputTokensDetails()
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int


class IncompleteDetails(Struct, frozen=True, kw_only=True):
    """Why an answer was cut: it reached `max_output_tokens` or the end of the model's context."""

    reason: Literal["max_output_tokens"] = "max_output_tokens"


class Response(Struct, frozen=True, kw_only=True, tag_field="object", tag="response"):
    """A whole answer, and the request's parameters; null means the model's own default."""

    id: str
    created_at: int
    """Unix time in seconds."""
    status: ItemStatus
    error: None = None
    incomplete_details: IncompleteDetails | None = None
    model: str
    output: list[OutputItem]
    usage: Usage | None = None
    background: Literal[False] = False
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    metadata: Metadata
    parallel_tool_calls: bool
    previous_response_id: None = None
    reasoning: Reasoning
    store: Literal[False] = False
    """Always false: this server stores no responses."""
    temperature: float | None
    text: TextConfig
    tool_choice: ToolChoice
    tools: list[FunctionTool]
    top_logprobs: int
    top_p: float | None
    truncation: Literal["disabled"] = "disabled"
    user: str | None
