"""The wire of responses: OpenAI's request and answer as msgspec Structs, nothing else."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from shim.api.generation.protocol import Count, Effort, TokenLogprob
from shim.api.generation.response_format import JsonObjectFormat, TextFormat
from shim.api.generation.vllm_parameters import ChatFields
from shim.limits import Name

# ── request ───────────────────────────────────────────────────────────────────


class FunctionTool(Struct, frozen=True, kw_only=True):
    """A function that may be called; of the kinds of tools only functions are here."""

    type: Literal["function"] = "function"
    name: Annotated[Name, Meta(min_length=1)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FunctionChoice(Struct, frozen=True, kw_only=True):
    """The one that has to be called."""

    type: Literal["function"] = "function"
    name: Name


ToolChoice = Literal["none", "auto", "required"] | FunctionChoice


class SchemaFormat(Struct, frozen=True, kw_only=True, tag_field="type", tag="json_schema"):
    """A JSON value of a schema."""

    name: str
    schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None


Format = TextFormat | JsonObjectFormat | SchemaFormat


class TextConfig(Struct, frozen=True, kw_only=True):
    """What form the text takes."""

    format: Format | None = None
    verbosity: str | None = None


class Reasoning(Struct, frozen=True, kw_only=True):
    """How much is thought, and whether the item that tells it has a summary."""

    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | UnsetType | None = UNSET
    """What `summary` was called before."""
    mode: str | None = None
    context: str | None = None


class StreamOptions(Struct, frozen=True, kw_only=True):
    """What a stream brings besides its text: of OpenAI's options none is honoured here."""


LOGPROBS = "message.output_text.logprobs"

Includable = Literal[
    "message.output_text.logprobs",
    # Nothing is encrypted here, nothing kept, and there are no such tools.
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
    """OpenAI's request and vLLM's extras: what is honoured of them."""

    model: Name | None = None
    """May be missing where the URL names it."""
    input: str | Annotated[list[dict[str, Any]], Meta(min_length=1)]
    """A user's message, or items (`protocol_input.py`); messages need no `type`."""
    instructions: str | None = None
    max_output_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    max_tokens: Count | None = None
    """What chats and texts call it."""
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
    # Without consequence for the answer, but of a form that is checked.
    stream_options: StreamOptions | None = None
    max_tool_calls: int | None = None


# ── answer ────────────────────────────────────────────────────────────────────

EndStatus = Literal["completed", "incomplete"]
ItemStatus = Literal["in_progress"] | EndStatus


class OutputText(Struct, frozen=True, kw_only=True, tag_field="type", tag="output_text"):
    """What is said."""

    text: str
    annotations: list[Any] = []
    logprobs: list[TokenLogprob] = []


class OutputMessage(Struct, frozen=True, kw_only=True, tag_field="type", tag="message"):
    """A message."""

    id: str
    role: Literal["assistant"] = "assistant"
    status: ItemStatus
    content: list[OutputText]


class ReasoningText(Struct, frozen=True, kw_only=True, tag_field="type", tag="reasoning_text"):
    """What is thought."""

    text: str


class SummaryText(Struct, frozen=True, kw_only=True, tag_field="type", tag="summary_text"):
    """The same: nothing is shortened here."""

    text: str


class OutputReasoning(Struct, frozen=True, kw_only=True, tag_field="type", tag="reasoning"):
    """What was thought before the answer."""

    id: str
    summary: list[SummaryText]
    """Only where the request wants one: some clients send back nothing else."""
    content: list[ReasoningText]
    encrypted_content: None = None
    status: ItemStatus


class OutputCall(Struct, frozen=True, kw_only=True, tag_field="type", tag="function_call"):
    """A call that the answer makes."""

    id: str
    call_id: str
    name: str
    arguments: str
    status: ItemStatus


OutputItem = OutputMessage | OutputReasoning | OutputCall


class InputTokensDetails(Struct, frozen=True, kw_only=True):
    """Required by clients; what an engine's cache had is not told."""

    cached_tokens: int = 0
    cache_write_tokens: int = 0


class OutputTokensDetails(Struct, frozen=True, kw_only=True):
    """What the output's tokens were for; 0 also where the engine cannot tell."""

    reasoning_tokens: int


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens."""

    input_tokens: int
    input_tokens_details: InputTokensDetails = InputTokensDetails()
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int


class IncompleteDetails(Struct, frozen=True, kw_only=True):
    """Why an answer ends early: it has reached `max_output_tokens` or the context's end."""

    reason: Literal["max_output_tokens"] = "max_output_tokens"


class Response(Struct, frozen=True, kw_only=True, tag_field="object", tag="response"):
    """A whole answer, and what the request asked for: null is the model's own."""

    id: str
    created_at: int
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
    """Nothing is kept, whatever the request says."""
    temperature: float | None
    text: TextConfig
    tool_choice: ToolChoice
    tools: list[FunctionTool]
    top_logprobs: int
    top_p: float | None
    truncation: Literal["disabled"] = "disabled"
    user: str | None
