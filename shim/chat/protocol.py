"""The wire of chat completions: OpenAI's shapes as msgspec Structs, nothing else."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from shim.sampling import SamplingFields

# ── request ───────────────────────────────────────────────────────────────────


class TextPart(Struct, frozen=True, tag_field="type", tag="text"):
    """A text among the parts of a content."""

    text: str


class RefusalPart(Struct, frozen=True, tag_field="type", tag="refusal"):
    """An earlier refusal of the assistant."""

    refusal: str


class ChatMessage(Struct, frozen=True, kw_only=True):
    """One turn; clients send explicit nulls for what they leave out."""

    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: str | list[TextPart | RefusalPart] | None = None
    name: str | None = None
    tool_calls: list[Any] | None = None
    function_call: Any = None
    audio: Any = None


class StreamOptions(Struct, frozen=True, kw_only=True):
    """What a stream brings besides its text."""

    include_usage: bool | None = None


class ResponseFormat(Struct, frozen=True, kw_only=True):
    """Only its type is read: everything but `text` is refused."""

    type: Literal["text", "json_object", "json_schema"]


Count = Annotated[int, Meta(ge=1)]


class ChatRequest(SamplingFields, frozen=True, kw_only=True):
    """OpenAI's request and vLLM's extras; fields that are unknown are ignored, as there."""

    model: str | None = None
    """May be missing where the URL names it."""
    messages: Annotated[list[ChatMessage], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    # Known, and refused where they would change the answer: OpenAI's …
    response_format: ResponseFormat | None = None
    tools: list[Any] | None = None
    tool_choice: Any = None
    functions: list[Any] | None = None
    function_call: Any = None
    modalities: list[str] | None = None
    audio: Any = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    web_search_options: Any = None
    # … and vLLM's.
    min_tokens: int | None = None
    ignore_eos: bool | None = None
    stop_token_ids: list[int] | None = None
    include_stop_str_in_output: bool | None = None
    bad_words: list[str] | None = None
    length_penalty: float | None = None
    use_beam_search: bool | None = None
    prompt_logprobs: int | None = None
    echo: bool | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    chat_template: str | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    structured_outputs: Any = None


# ── answer ────────────────────────────────────────────────────────────────────

FinishReason = Literal["stop", "length"]


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens: the prompt's once, the completions' over all choices."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class TopLogprob(Struct, frozen=True, kw_only=True):
    """A token that could have stood there; `bytes` is its UTF-8, which may be half a character."""

    token: str
    logprob: float
    bytes: list[int]


class TokenLogprob(Struct, frozen=True, kw_only=True):
    """The token that stands there, and its rivals."""

    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: list[TopLogprob]


class Logprobs(Struct, frozen=True, kw_only=True):
    """The log probabilities of a choice or of a chunk."""

    content: list[TokenLogprob]
    refusal: None = None


class AssistantMessage(Struct, frozen=True, kw_only=True):
    """The answer; its content is a string, also where it is empty."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class Choice(Struct, frozen=True, kw_only=True):
    """One of the `n` answers."""

    index: int
    message: AssistantMessage
    logprobs: Logprobs | None
    finish_reason: FinishReason


class ChatCompletion(Struct, frozen=True, kw_only=True, tag_field="object", tag="chat.completion"):
    """A whole answer."""

    id: str
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    system_fingerprint: str


class Delta(Struct, frozen=True, kw_only=True):
    """What a chunk adds to a choice's message."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType = UNSET


class ChunkChoice(Struct, frozen=True, kw_only=True):
    """A chunk's piece of one choice."""

    index: int
    delta: Delta
    logprobs: Logprobs | None = None
    finish_reason: FinishReason | None = None


class ChatChunk(Struct, frozen=True, kw_only=True, tag_field="object", tag="chat.completion.chunk"):
    """One event of a stream; `id` and `created` are the same throughout."""

    id: str
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: Usage | UnsetType | None = UNSET
    """Present, and null but for the last chunk, only if `include_usage` asked for it."""
