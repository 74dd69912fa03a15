"""Translates a request for a response by a speech model to a `SpeechRequest`: pure functions."""

from shim.api.generation.messages import Audio, RefusalPart, Url
from shim.api.generation.response_format import TextFormat
from shim.api.speech.answer import SpeechRequest
from shim.api.speech.options import job
from shim.api.speech.recording import Recording, Turn, of_url, only_recording
from shim.api.speech.unsupported import refuse_beyond_speech
from shim.errors import InvalidParameter, UnsupportedParameter

from .conversation import to_items
from .protocol import LOGPROBS, ResponsesRequest
from .protocol_input import (
    AudioPart,
    CallOutputItem,
    FilePart,
    InputTextPart,
    Item,
    MessageItem,
    OutputTextPart,
    Part,
)

_CONTENT = frozenset({"input", "text", "include"})
"""Fields that are checked here, and not by `refuse_beyond_speech`."""


def to_speech_request(request: ResponsesRequest, *, strict: bool = False) -> SpeechRequest:
    """Translate *request*; raise InvalidParameter or UnsupportedParameter, which names the field.

    The request must hold one recording. *strict* also refuses undocumented names.
    """
    refuse_beyond_speech(request, _CONTENT, request.temperature)
    _refuse_other_forms(request)
    items = [] if isinstance(request.input, str) else to_items(request.input, strict=strict)
    turns = [_turn(item, f"input[{index}]") for index, item in enumerate(items)]
    return SpeechRequest(
        only_recording(turns, param="input"),
        job(request.transcription, temperature=request.temperature),
    )


def _refuse_other_forms(request: ResponsesRequest) -> None:
    text = request.text
    if text is not None and text.format not in (None, TextFormat()):
        raise UnsupportedParameter("A transcription is plain text.", param="text.format")
    if text is not None and text.verbosity not in (None, "medium"):
        raise UnsupportedParameter(
            "The `verbosity` of a transcription must be `medium`.", param="text.verbosity"
        )
    if LOGPROBS in (request.include or ()):
        raise UnsupportedParameter(
            "`/v1/audio/transcriptions` returns log probabilities; this route does not.",
            param="include",
        )


def _turn(item: Item, path: str) -> Turn:
    match item:
        case MessageItem(role=role, content=content):
            return Turn(role, path, _recordings(content, f"{path}.content"))
        case CallOutputItem(output=content):
            return Turn("tool", path, _recordings(content, f"{path}.output"))
        case _:
            return Turn("assistant", path, ())


def _recordings(content: str | list[Part], path: str) -> tuple[Recording, ...]:
    parts = [] if isinstance(content, str) else content
    recordings = (_recording(part, f"{path}[{index}]") for index, part in enumerate(parts))
    return tuple(filter(None, recordings))


def _recording(part: Part, path: str) -> Recording | None:
    """Return the recording in *part*, None for a text; raise UnsupportedParameter for others."""
    match part:
        case InputTextPart() | OutputTextPart() | RefusalPart():
            return None
        case AudioPart(input_audio=Audio(data), audio_url=None):
            return Recording(f"{path}.input_audio.data", data)
        case AudioPart(input_audio=None, audio_url=Url(url)):
            return of_url(url, f"{path}.audio_url.url")
        case AudioPart(input_audio=None, audio_url=str(url)):
            return of_url(url, f"{path}.audio_url")
        case AudioPart():
            raise InvalidParameter(
                "A recording needs either `input_audio` or `audio_url`.", param=path
            )
        case FilePart(file_data=str(url)):
            return of_url(url, f"{path}.file_data")
        case _:
            raise UnsupportedParameter(
                "This model transcribes recordings. It does not accept images or videos.",
                param=path,
            )
