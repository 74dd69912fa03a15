"""The wire types of the tokenizer: the shapes of vLLM's server, nothing else."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from shim.api.generation.messages import Messages, ToolParam
from shim.api.generation.vllm_parameters import TokenId
from shim.limits import Name


class TokenizeRequest(Struct, frozen=True, kw_only=True):
    """A text or messages: exactly one of `prompt` and `messages` must be set."""

    model: Name | None = None
    """Null means the first model that reads text."""
    prompt: str | Messages | None = None
    """Messages too, because some harnesses send them by this name."""
    messages: Messages | None = None
    tools: list[ToolParam] | None = None
    add_special_tokens: bool | None = None
    """For a text only: a chat template adds its own special tokens."""
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    return_token_strs: bool | None = None


class Tokens(Struct, frozen=True, kw_only=True):
    """The answer of `/tokenize`."""

    count: int
    """The length of `tokens`."""
    max_model_len: int
    """How many tokens the model's context holds."""
    tokens: list[int]
    token_strs: list[str] | UnsetType = UNSET
    """The text of each token; present if the request sets `return_token_strs`."""


class DetokenizeRequest(Struct, frozen=True, kw_only=True):
    """The token ids of a text."""

    model: Name | None = None
    """Null means the first model that reads text."""
    tokens: list[TokenId]


class Text(Struct, frozen=True):
    """The answer of `/detokenize`."""

    prompt: str
    """The text, special tokens included."""
