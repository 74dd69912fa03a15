"""The wire of the tokenizer: vLLM's shapes, which harnesses count tokens by; nothing else."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from shim.api.generation.messages import Messages, ToolParam
from shim.api.generation.vllm_parameters import TokenId
from shim.limits import Name


class TokenizeRequest(Struct, frozen=True, kw_only=True):
    """A text, or messages, which some harnesses call `prompt` too."""

    model: Name | None = None
    """None: the first model that reads text."""
    prompt: str | Messages | None = None
    messages: Messages | None = None
    tools: list[ToolParam] | None = None
    add_special_tokens: bool | None = None
    """Of a text; a chat template writes its own."""
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    return_token_strs: bool | None = None


class Tokens(Struct, frozen=True, kw_only=True):
    """The answer of `/tokenize`."""

    count: int
    max_model_len: int
    tokens: list[int]
    token_strs: list[str] | UnsetType = UNSET


class DetokenizeRequest(Struct, frozen=True, kw_only=True):
    """Token ids."""

    model: Name | None = None
    tokens: list[TokenId]


class Text(Struct, frozen=True):
    """The answer of `/detokenize`."""

    prompt: str
