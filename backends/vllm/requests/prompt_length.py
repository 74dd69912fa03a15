"""Refuses prompts that exceed the context, before they are rendered and tokenized whole."""

from typing import Any

from backends.base import Generation
from backends.failures import PromptTooLong
from backends.text.length import characters, kept, refuse_if_exceeds
from backends.vllm.tokenizer import Tokenizer

_TRUNCATE = "truncate_prompt_tokens"


def check_length(generation: Generation, tokenizer: Tokenizer, *, max_model_len: int) -> None:
    """Raise PromptTooLong if the prompt's size proves that it has over *max_model_len* tokens.

    Token ids are counted. A text is too long if it has more characters than *max_model_len* tokens
    of the greatest length. vLLM checks the same, but only after it has built its request and
    applied the chat template. All contents count, also parts that a template may leave out. A
    prompt that will be truncated is not checked.
    """
    if generation.engine_options.get(_TRUNCATE) is not None:
        return
    prompt = generation.prompt
    if isinstance(prompt, tuple):
        if len(prompt) > max_model_len:
            raise PromptTooLong.by(prompt=len(prompt), completion=1, context=max_model_len)
        return
    size = len(prompt) if isinstance(prompt, str) else characters(prompt)
    if size > max_model_len * tokenizer.max_chars_per_token:
        raise PromptTooLong.uncounted(context=max_model_len)


def fit_to_context(text: str, params: Any, tokenizer: Tokenizer) -> str:
    """Return *text*, or the part of it that truncation keeps; blocks while it counts tokens.

    *params* is a `vllm.renderers.TokenizeParams`. Raises PromptTooLong if the text has more tokens
    than the context and is not to be truncated. vLLM itself would tokenize the whole text first: up
    to 256 characters for each token of the context, and any length if it truncates.
    """
    context = params.max_input_tokens
    if context is None:
        return text
    limit = params.truncate_prompt_tokens
    if limit is None:
        if len(text) > context * tokenizer.max_chars_per_token:
            raise PromptTooLong.uncounted(context=context)
        refuse_if_exceeds(text, tokenizer.count, max_tokens=context)
        return text
    left = tokenizer.truncates_left if params.truncation_side is None else _is_left(params)
    tokens = params.max_truncation_tokens if limit < 0 else limit
    return kept(text, tokenizer.count, max_tokens=tokens, from_end=left)


def _is_left(params: Any) -> bool:
    return bool(params.truncation_side == "left")
