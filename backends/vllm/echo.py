"""A prompt told back: its text, its tokens, and their log probabilities."""

from typing import Any

from backends.base import PromptEcho

from .deltas import token_logprob


def echoed(output: Any, tokenizer: Any, *, text: str | None, top: int | None) -> PromptEcho:
    """Return the echo of *output*'s prompt, a `vllm.RequestOutput`.

    *text* is the prompt if it came as one; token ids are decoded. *top* rivals of each token are
    told, None: no log probabilities at all.
    """
    ids = list(output.prompt_token_ids)
    if text is None:
        text = tokenizer.decode(ids)
    if top is None:
        return PromptEcho(text=text)
    found = tuple(
        None if position is None else token_logprob(token, position, top)
        for token, position in zip(ids, output.prompt_logprobs, strict=True)
    )
    tokens = tuple(
        tokenizer.decode([token]) if logprob is None else logprob.drawn.token
        for token, logprob in zip(ids, found, strict=True)
    )
    return PromptEcho(text=text, tokens=tokens, logprobs=found)
