"""Requests for responses to speech models: wire → SpeechRequest."""

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


def to_speech_request(request: ResponsesRequest, *, strict: bool = False) -> SpeechRequest:
    """Translate *request*; raise InvalidParameter or UnsupportedParameter, naming the field.

    *strict* also refuses names that nobody documents.
    """
    refuse_beyond_speech(request, _CONTENT, request.temperature)
    _refuse_forms(request)
    items = [] if isinstance(request.input, str) else to_items(request.input, strict=strict)
    turns = [_turn(item, f"input[{at}]") for at, item in enumerate(items)]
    return SpeechRequest(
        only_recording(turns, param="input"),
        job(request.transcription, temperature=request.temperature),
    )


def _refuse_forms(request: ResponsesRequest) -> None:
    text = request.text
    if text is not None and text.format not in (None, TextFormat()):
        raise UnsupportedParameter("A transcription is a plain text.", param="text.format")
    if text is not None and text.verbosity not in (None, "medium"):
        raise UnsupportedParameter("A transcription is what is said.", param="text.verbosity")
    if LOGPROBS in (request.include or ()):
        raise UnsupportedParameter(
            "Log probabilities of transcriptions are told by `/v1/audio/transcriptions`.",
            param="include",
        )


def _turn(item: Item, place: str) -> Turn:
    match item:
        case MessageItem(role=role, content=content):
            return Turn(role, place, _recordings(content, f"{place}.content"))
        case CallOutputItem(output=content):
            return Turn("tool", place, _recordings(content, f"{place}.output"))
        case _:
            return Turn("assistant", place, ())


def _recordings(content: str | list[Part], place: str) -> tuple[Recording, ...]:
    parts = [] if isinstance(content, str) else content
    found = (_recording(part, f"{place}[{at}]") for at, part in enumerate(parts))
    return tuple(filter(None, found))


def _recording(part: Part, place: str) -> Recording | None:
    """Return the recording in *part*, None for a text; raise UnsupportedParameter for an image."""
    match part:
        case InputTextPart() | OutputTextPart() | RefusalPart():
            return None
        case AudioPart(input_audio=Audio(data), audio_url=None):
            return Recording(f"{place}.input_audio.data", data)
        case AudioPart(input_audio=None, audio_url=Url(url)):
            return of_url(url, f"{place}.audio_url.url")
        case AudioPart(input_audio=None, audio_url=str(url)):
            return of_url(url, f"{place}.audio_url")
        case AudioPart():
            raise InvalidParameter(
                "A recording is an `input_audio` or an `audio_url`.", param=place
            )
        case FilePart(file_data=str(url)):
            return of_url(url, f"{place}.file_data")
        case _:
            raise UnsupportedParameter(
                "This model transcribes recordings: it takes no images and no films.", param=place
            )
