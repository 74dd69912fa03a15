"""A prompt told back: its text, its tokens, and their log probabilities."""

from collections.abc import Mapping
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


def told_prompt(output: Any, extras: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the *extras* of vLLM's server ask for of *output*'s prompt, as it tells it."""
    told: dict[str, Any] = {}
    if extras.get("return_token_ids"):
        told["prompt_token_ids"] = list(output.prompt_token_ids)
    if extras.get("prompt_logprobs") is not None:
        told["prompt_logprobs"] = [
            position and {str(token): _told(found) for token, found in position.items()}
            for position in output.prompt_logprobs
        ]
    return told


def _told(found: Any) -> dict[str, Any]:
    return {
        # JSON has no minus infinity.
        "logprob": max(found.logprob, -9999.0),
        "rank": found.rank,
        "decoded_token": found.decoded_token,
    }
