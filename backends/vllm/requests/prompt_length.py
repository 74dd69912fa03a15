"""Prompts that exceed the context are refused before they cost what reading them would."""

from typing import Any

from backends.base import Generation
from backends.failures import PromptTooLong
from backends.text.length import characters, kept, refuse_if_exceeds
from backends.vllm.tokenizer import Tokenizer

_TRUNCATE = "truncate_prompt_tokens"


def check_length(generation: Generation, tokenizer: Tokenizer, *, max_model_len: int) -> None:
    """Raise PromptTooLong if the prompt surely exceeds *max_model_len* tokens, by its size alone.

    Token ids are counted, and characters compared with as many of the longest token: as vLLM does,
    but before it has made a request of them and applied the template. What the template may drop,
    the thoughts in an earlier answer, counts as well.
    """
    if generation.extras.get(_TRUNCATE) is not None:
        return
    prompt = generation.prompt
    if isinstance(prompt, tuple):
        if len(prompt) > max_model_len:
            raise PromptTooLong.by(prompt=len(prompt), completion=1, context=max_model_len)
        return
    size = len(prompt) if isinstance(prompt, str) else characters(prompt)
    if size > max_model_len * tokenizer.max_chars_per_token:
        raise PromptTooLong.uncounted(context=max_model_len)


def fit(text: str, params: Any, tokenizer: Tokenizer) -> str:
    """Return *text*, or the part of it that *params* keep; blocks while it counts tokens.

    *params* are a `vllm.renderers.TokenizeParams`. Raises PromptTooLong if the text has more tokens
    than the context and is not to be truncated. vLLM refuses it only after it has tokenized it all
    where it has 256 characters per token of the context, and has no bound where it truncates.
    """
    context = params.max_input_tokens
    if context is None:
        return text
    wanted = params.truncate_prompt_tokens
    if wanted is None:
        if len(text) > context * tokenizer.max_chars_per_token:
            raise PromptTooLong.uncounted(context=context)
        refuse_if_exceeds(text, tokenizer.count, max_tokens=context)
        return text
    left = tokenizer.truncates_left if params.truncation_side is None else _is_left(params)
    tokens = params.max_truncation_tokens if wanted < 0 else wanted
    return kept(text, tokenizer.count, max_tokens=tokens, from_end=left)


def _is_left(params: Any) -> bool:
    return bool(params.truncation_side == "left")
