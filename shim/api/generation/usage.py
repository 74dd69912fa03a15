"""Counts the tokens of an answer, and has the error of an answer that did not end."""

from collections.abc import Collection

from msgspec import UNSET

from backends.base import Finish

from .protocol import CompletionTokensDetails, PromptTokensDetails, Usage


class Unfinished(Exception):
    """The engine's items ended without a `Finish`: an error in the backend."""

    def __init__(self) -> None:
        super().__init__("The engine's items ended without a Finish.")


def usage(finishes: Collection[Finish]) -> Usage:
    """Return the usage of a chat or a text completion whose choices end with *finishes*.

    A prompt counts once, however many choices it has. Raises Unfinished if *finishes* is empty.
    """
    if not finishes:
        raise Unfinished
    # Every prompt has exactly one choice 0.
    prompts = [finish for finish in finishes if finish.index == 0]
    prompt = sum(finish.prompt_tokens for finish in prompts)
    completion = sum(finish.completion_tokens for finish in finishes)
    audio = [f.audio_tokens for f in prompts if f.audio_tokens is not None]
    reasoning = [f.reasoning_tokens for f in finishes if f.reasoning_tokens is not None]
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        completion_tokens_details=(
            CompletionTokensDetails(reasoning_tokens=sum(reasoning)) if reasoning else UNSET
        ),
        prompt_tokens_details=(PromptTokensDetails(audio_tokens=sum(audio)) if audio else UNSET),
    )
