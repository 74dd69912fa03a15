"""Declares the options of Whisper's decoding, with faster-whisper's names, types and bounds.

A request and a model's configuration take the same options.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

# The bounds keep a single request from using all of an engine's memory or time.
Beams = Annotated[int, Meta(ge=1, le=32)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Position = Annotated[float, Meta(ge=0, le=3_600_000)]
Milliseconds = Annotated[int, Meta(ge=0, le=3_600_000)]
Punctuation = Annotated[str, Meta(max_length=256)]
Text = Annotated[str, Meta(max_length=20_000)]


class VadParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields of `faster_whisper.vad.VadOptions`; None: faster-whisper's default."""

    threshold: Fraction | None = None
    neg_threshold: Fraction | None = None
    min_speech_duration_ms: Milliseconds | None = None
    max_speech_duration_s: Positive | None = None
    min_silence_duration_ms: Milliseconds | None = None
    speech_pad_ms: Milliseconds | None = None


class Decoding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments of `faster_whisper.WhisperModel.transcribe`; None: its own default."""

    temperatures: Annotated[tuple[Fraction, ...], Meta(min_length=1, max_length=16)] | None = None
    """Temperatures to try in turn until a result passes the thresholds (`temperature` there)."""
    beam_size: Beams | None = None
    best_of: Beams | None = None
    patience: Annotated[float, Meta(gt=0, le=8)] | None = None
    length_penalty: Annotated[float, Meta(ge=-8, le=8)] | None = None
    repetition_penalty: Annotated[float, Meta(gt=0, le=8)] | None = None
    no_repeat_ngram_size: Annotated[int, Meta(ge=0, le=448)] | None = None
    compression_ratio_threshold: float | None = None
    log_prob_threshold: float | None = None
    no_speech_threshold: float | None = None
    condition_on_previous_text: bool | None = None
    prompt_reset_on_temperature: NotNegative | None = None
    prefix: Text | None = None
    suppress_blank: bool | None = None
    suppress_tokens: Annotated[tuple[int, ...], Meta(max_length=4096)] | None = None
    without_timestamps: bool | None = None
    max_initial_timestamp: Annotated[float, Meta(ge=0, le=30)] | None = None
    prepend_punctuations: Punctuation | None = None
    append_punctuations: Punctuation | None = None
    multilingual: bool | None = None
    vad_filter: bool | None = None
    vad_parameters: VadParameters | None = None
    max_new_tokens: Annotated[int, Meta(ge=1, le=448)] | None = None
    chunk_length: Annotated[int, Meta(ge=1, le=30)] | None = None
    """Seconds of a window; Whisper hears no more than 30."""
    clip_timestamps: Annotated[tuple[Position, ...], Meta(min_length=1, max_length=4096)] | None = (
        None
    )
    """Clips of the recording, in seconds: start, end, start, end, …"""
    hallucination_silence_threshold: NotNegative | None = None
    hotwords: Text | None = None
    language_detection_threshold: Fraction | None = None
    language_detection_segments: Annotated[int, Meta(ge=1, le=64)] | None = None


def options_set(struct: Struct) -> dict[str, Any]:
    """Return the options that are set in *struct*, by name; nested ones as dicts of their own."""
    values = ((name, getattr(struct, name)) for name in struct.__struct_fields__)
    return {
        name: options_set(value) if isinstance(value, Struct) else value
        for name, value in values
        if value is not None
    }
