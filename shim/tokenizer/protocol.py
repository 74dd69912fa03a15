"""The wire of the tokenizer: vLLM's shapes, which harnesses count tokens by; nothing else."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from shim.chat.protocol import ChatMessage
from shim.completions.protocol import TokenId


class TokenizeRequest(Struct, frozen=True, kw_only=True):
    """A text, or messages, which some harnesses call `prompt` too."""

    model: str | None = None
    """None: the first model that reads text."""
    prompt: str | Annotated[list[ChatMessage], Meta(min_length=1)] | None = None
    messages: Annotated[list[ChatMessage], Meta(min_length=1)] | None = None
    add_special_tokens: bool | None = None
    """Of a text; a chat template writes its own."""
    add_generation_prompt: bool | None = None
    return_token_strs: bool | None = None


class Tokens(Struct, frozen=True, kw_only=True):
    """The answer of `/tokenize`."""

    count: int
    max_model_len: int
    tokens: list[int]
    token_strs: list[str] | UnsetType = UNSET


class DetokenizeRequest(Struct, frozen=True, kw_only=True):
    """Token ids."""

    model: str | None = None
    tokens: list[TokenId]


class Text(Struct, frozen=True):
    """The answer of `/detokenize`."""

    prompt: str
