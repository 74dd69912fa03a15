"""vLLM's own parameters: their wire types, and their translation to `Generation.engine_options`."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from shim.parameters.derived_types import SHAPE

from .sampling import SamplingFields

TokenId = Annotated[int, Meta(ge=0, le=2**31 - 1)]
NonNegative = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Constraint(Struct, frozen=True, kw_only=True):
    """The names allowed in `structured_outputs`. vLLM checks the values."""

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
    """The names allowed in `repetition_detection`. vLLM checks the values."""

    max_pattern_size: Any = None
    min_pattern_size: Any = None
    min_count: Any = None


class GenerationFields(SamplingFields, frozen=True, kw_only=True):
    """Sampling parameters, and the parameters of vLLM's server that all text routes have."""

    # how tokens are generated
    min_tokens: NonNegative | None = None
    ignore_eos: bool | None = None
    stop_token_ids: list[TokenId] | None = None
    bad_words: list[str] | None = None
    allowed_token_ids: list[TokenId] | None = None
    structured_outputs: Annotated[dict[str, Any], Meta(extra={SHAPE: Constraint})] | None = None
    repetition_detection: Annotated[dict[str, Any], Meta(extra={SHAPE: Repetition})] | None = None
    thinking_token_budget: NonNegative | None = None
    # how the prompt is made
    add_special_tokens: bool | None = None
    truncate_prompt_tokens: Annotated[int, Meta(ge=-1, le=2**31 - 1)] | None = None
    truncation_side: Literal["left", "right"] | None = None
    # what the answer holds
    include_stop_str_in_output: bool | None = None
    skip_special_tokens: bool | None = None
    spaces_between_special_tokens: bool | None = None
    prompt_logprobs: Annotated[int, Meta(ge=-1, le=2**31 - 1)] | None = None
    return_token_ids: bool | None = None
    # when the request runs
    priority: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    cache_salt: str | None = None
    # extensions of the engine
    vllm_xargs: dict[str, Any] | None = None
    watermarking: bool | None = None


class ChatFields(GenerationFields, frozen=True, kw_only=True):
    """Those of GenerationFields, and what vLLM's server has for conversations only."""

    chat_template: str | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    documents: list[dict[str, str]] | None = None
    include_reasoning: bool | None = None
    mm_processor_kwargs: dict[str, Any] | None = None
    media_io_kwargs: dict[str, dict[str, Any]] | None = None
    # Shim's own
    transcription: dict[str, Any] | None = None
    """Options of a speech model: fields of a transcription's form (`speech/options.py`)."""


PARAMETERS: dict[str, object] = {
    # of all text routes …
    "min_tokens": 0,
    "ignore_eos": False,
    "stop_token_ids": [],
    "bad_words": [],
    "allowed_token_ids": None,
    "structured_outputs": {},
    "repetition_detection": None,
    "thinking_token_budget": None,
    "add_special_tokens": None,
    "truncate_prompt_tokens": None,
    "truncation_side": None,
    "include_stop_str_in_output": False,
    "skip_special_tokens": None,
    "spaces_between_special_tokens": True,
    "prompt_logprobs": None,
    "return_token_ids": False,
    "priority": 0,
    "cache_salt": None,
    "vllm_xargs": {},
    "watermarking": None,
    # … and of conversations.
    "chat_template": None,
    "documents": [],
    "include_reasoning": True,
    "mm_processor_kwargs": {},
    "media_io_kwargs": {},
}
"""The parameters that `Generation.engine_options` carries, each with its neutral value.

Sending the neutral value, or null, is the same as leaving the field out. `chat_template_kwargs` is
missing here because it travels as `Conversation.template_kwargs`.
"""


def fields_set(fields: Struct, names: Iterable[str]) -> dict[str, Any]:
    """Return those of *names* whose value in *fields* is neither null nor neutral (PARAMETERS)."""
    values = {name: getattr(fields, name) for name in names}
    return {
        name: value for name, value in values.items() if value not in (None, PARAMETERS.get(name))
    }


def engine_options(fields: GenerationFields) -> dict[str, Any]:
    """Return the `Generation.engine_options` of a request: the parameters of vLLM that it sets."""
    options = fields_set(fields, [name for name in PARAMETERS if hasattr(fields, name)])
    if "truncate_prompt_tokens" not in options:
        # Without a length nothing is cut, on either side.
        options.pop("truncation_side", None)
    return options
