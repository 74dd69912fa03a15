"""Decides which parameters of a chat a speech model honours, ignores or refuses."""

from msgspec import Struct

from shim.api.generation.response_format import TextFormat
from shim.api.generation.vllm_parameters import fields_set
from shim.errors import UnsupportedParameter

_HONOURED = frozenset({"model", "stream", "stream_options", "temperature", "transcription"})
"""Parameters that are honoured."""

IGNORED: dict[str, str] = {
    # Harnesses send these with every request.
    "max_tokens": "a transcription is as long as what is said",
    "max_completion_tokens": "a transcription is as long as what is said",
    "max_output_tokens": "a transcription is as long as what is said",
    "top_p": "Whisper searches at temperature 0, and draws from all tokens above",
    # Only the recording reaches the model.
    "instructions": "text is not Whisper's prompt",
    "truncate_prompt_tokens": "text is not Whisper's prompt",
    "truncation_side": "text is not Whisper's prompt",
    "chat_template": "there is no template",
    "chat_template_kwargs": "there is no template",
    "add_generation_prompt": "there is no template",
    "continue_final_message": "there is no template",
    "add_special_tokens": "there is no template",
    "mm_processor_kwargs": "no such processor reads the recording",
    "media_io_kwargs": "FFmpeg reads the recording",
    # It calls no tools and does not reason.
    "parallel_tool_calls": "there are no tools",
    "max_tool_calls": "there are no tools",
    "reasoning": "the model does not reason",
    "reasoning_effort": "the model does not reason",
    "include_reasoning": "the model does not reason",
    "thinking_token_budget": "the model does not reason",
    "skip_special_tokens": "a transcription's text has none",
    "spaces_between_special_tokens": "a transcription's text has none",
    "include_stop_str_in_output": "stop strings are refused",
    # About the request, not about the answer.
    "priority": "requests are served in their order",
    "cache_salt": "no prompts are cached",
    "user": "of no consequence",
    "metadata": "of no consequence",
}
"""Parameters that are ignored because they change no transcription, each with the reason."""

_DRAWING = frozenset({"top_k", "min_p", "seed"})
"""Parameters of random drawing, which are ignored at temperature 0: Whisper then searches."""

_HARMLESS: dict[str, tuple[object, ...]] = {
    "n": (1,),
    "top_k": (-1, 0),
    "min_p": (0,),
    "stop": ("", [], [""]),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "repetition_penalty": (1,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "include": ([],),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "response_format": (TextFormat(),),
    "watermarking": (False,),
}
"""Parameter → values that are the same as no value. For all others only null is."""


def refuse_beyond_speech(
    request: Struct, content: frozenset[str], temperature: float | None
) -> None:
    """Raise UnsupportedParameter for the first field of *request* that would change the answer.

    A field that this module does not list is refused. *content* are the names of the fields that
    the caller reads, *temperature* is the request's.
    """
    skipped = _HONOURED | content | IGNORED.keys()
    if not temperature:
        skipped |= _DRAWING
    names = tuple(name for name in request.__struct_fields__ if name not in skipped)
    for name, value in fields_set(request, names).items():
        if value not in _HARMLESS.get(name, ()):
            raise UnsupportedParameter(
                f"`{name}` is not supported by this model, which transcribes.", param=name
            )
