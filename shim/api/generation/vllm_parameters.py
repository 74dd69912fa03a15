"""vLLM's own parameters beside OpenAI's: their wire, and what of them crosses the seam."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from shim.parameters.derived_types import SHAPE

from .sampling import SamplingFields

TokenId = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Small = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Constraint(Struct, frozen=True, kw_only=True):
    """The names in `structured_outputs`; vLLM reads the values."""

    json: Any = None
    regex: Any = None
    choice: Any = None
    grammar: Any = None
    json_object: Any = None
    structural_tag: Any = None
    whitespace_pattern: Any = None
    disable_any_whitespace: Any = None
    disable_additional_properties: Any = None


class Repetition(Struct, frozen=True, kw_only=True):
    """The names in `repetition_detection`; vLLM reads the values."""

    max_pattern_size: Any = None
    min_pattern_size: Any = None
    min_count: Any = None


class GenerationFields(SamplingFields, frozen=True, kw_only=True):
    """How tokens are drawn, and parameters of vLLM's server for chats and texts alike."""

    # What is drawn …
    min_tokens: Small | None = None
    ignore_eos: bool | None = None
    stop_token_ids: list[TokenId] | None = None
    bad_words: list[str] | None = None
    allowed_token_ids: list[TokenId] | None = None
    structured_outputs: Annotated[dict[str, Any], Meta(extra={SHAPE: Constraint})] | None = None
    repetition_detection: Annotated[dict[str, Any], Meta(extra={SHAPE: Repetition})] | None = None
    thinking_token_budget: Small | None = None
    # … of which prompt …
    add_special_tokens: bool | None = None
    truncate_prompt_tokens: Annotated[int, Meta(ge=-1, le=2**31 - 1)] | None = None
    truncation_side: Literal["left", "right"] | None = None
    # … what is told …
    include_stop_str_in_output: bool | None = None
    skip_special_tokens: bool | None = None
    spaces_between_special_tokens: bool | None = None
    prompt_logprobs: Annotated[int, Meta(ge=-1, le=2**31 - 1)] | None = None
    return_token_ids: bool | None = None
    # … and when.
    priority: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    cache_salt: str | None = None
    # For the engine's own extensions.
    vllm_xargs: dict[str, Any] | None = None
    watermarking: bool | None = None


class ChatFields(GenerationFields, frozen=True, kw_only=True):
    """Those, and vLLM's of chats alone."""

    chat_template: str | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    documents: list[dict[str, str]] | None = None
    include_reasoning: bool | None = None
    mm_processor_kwargs: dict[str, Any] | None = None
    media_io_kwargs: dict[str, dict[str, Any]] | None = None
    # Ours.
    transcription: dict[str, Any] | None = None
    """How a speech model transcribes: fields of a transcription's form (`speech/options.py`)."""


_NAMES = tuple(
    name
    for name in GenerationFields.__struct_fields__
    if name not in SamplingFields.__struct_fields__
)

_NOTHING: dict[str, tuple[object, ...]] = {
    "min_tokens": (0,),
    "ignore_eos": (False,),
    "stop_token_ids": ([],),
    "bad_words": ([],),
    "structured_outputs": ({},),
    "include_stop_str_in_output": (False,),
    "spaces_between_special_tokens": (True,),
    "return_token_ids": (False,),
    "priority": (0,),
    "vllm_xargs": ({},),
    "include_reasoning": (True,),
    "documents": ([],),
    "mm_processor_kwargs": ({},),
    "media_io_kwargs": ({},),
}
"""The values by which nothing is asked for."""

_OF_CHATS = (
    "chat_template",
    "documents",
    "include_reasoning",
    "mm_processor_kwargs",
    "media_io_kwargs",
)
"""A Conversation has words for the other."""


def asked(fields: Struct, names: tuple[str, ...]) -> dict[str, Any]:
    """Return those of *names* by which something is asked for, with their values."""
    values = {name: getattr(fields, name) for name in names}
    return {
        name: value
        for name, value in values.items()
        if value is not None and value not in _NOTHING.get(name, ())
    }


def extras(fields: GenerationFields) -> dict[str, Any]:
    """Return what crosses the seam of the extra fields."""
    chats = _OF_CHATS if isinstance(fields, ChatFields) else ()
    found = asked(fields, (*_NAMES, *chats))
    if "truncate_prompt_tokens" not in found:
        found.pop("truncation_side", None)
    return found
