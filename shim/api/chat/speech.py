"""Translates a chat with a speech model to a `SpeechRequest`: pure functions."""

from shim.api.generation.messages import (
    AudioPart,
    ChatMessage,
    InputAudioPart,
    Part,
    RefusalPart,
    TextPart,
    Url,
)
from shim.api.speech.answer import SpeechRequest
from shim.api.speech.options import job
from shim.api.speech.recording import Recording, Turn, of_url, only_recording
from shim.api.speech.unsupported import refuse_beyond_speech
from shim.errors import UnsupportedParameter

from .protocol import ChatRequest

_CONTENT = frozenset({"messages"})
"""Fields that are checked here, and not by `refuse_beyond_speech`."""


def to_speech_request(request: ChatRequest) -> SpeechRequest:
    """Translate *request*; raise InvalidParameter or UnsupportedParameter, which names the field.

    The request must hold one recording.
    """
    refuse_beyond_speech(request, _CONTENT, request.temperature)
    turns = [_turn(message, f"messages[{index}]") for index, message in enumerate(request.messages)]
    return SpeechRequest(
        only_recording(turns, param="messages"),
        job(request.transcription, temperature=request.temperature),
    )


def _turn(message: ChatMessage, path: str) -> Turn:
    parts = message.content if isinstance(message.content, list) else []
    recordings = (_recording(part, f"{path}.content[{index}]") for index, part in enumerate(parts))
    return Turn(message.role, path, tuple(filter(None, recordings)))


def _recording(part: Part, path: str) -> Recording | None:
    """Return the recording in *part*, None for a text; raise UnsupportedParameter for others."""
    match part:
        case TextPart() | RefusalPart():
            return None
        case InputAudioPart(audio):
            return Recording(f"{path}.input_audio.data", audio.data)
        case AudioPart(Url(url)):
            return of_url(url, f"{path}.audio_url.url")
        case AudioPart(str(url)):
            return of_url(url, f"{path}.audio_url")
        case _:
            raise UnsupportedParameter(
                "This model transcribes recordings. It does not accept images or videos.",
                param=path,
            )
