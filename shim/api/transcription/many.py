"""Transcribes the recordings of one request side by side, and answers with a list."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import BinaryIO, TypeAlias

from msgspec.structs import asdict

from backends.base import Segment, TranscriptInfo
from shim.errors import ApiError, describe, reason_of, status_of
from shim.http.json_answer import encoded_in_pieces
from shim.serving.pipeline import collected, together
from shim.serving.request_record import CURRENT

from .answer import Body
from .opening import Recording
from .protocol import (
    FailedItem,
    ListItem,
    TextItem,
    Transcription,
    TranscriptionItem,
    TranscriptionList,
    VerboseItem,
)

Items: TypeAlias = list[TranscriptInfo | Segment]
Result: TypeAlias = Items | Exception
"""The whole transcription of a recording, or why it has none."""
Transcribe: TypeAlias = Callable[[BinaryIO, str], AsyncGenerator[TranscriptInfo | Segment, None]]
"""Runs one recording, which came in the field of the body that the text names."""

_OF_THE_SERVER = frozenset({429, 503, 504})
"""Statuses of failures that are not a recording's own: the same request may succeed later."""


async def results(recordings: Sequence[Recording], transcribe: Transcribe) -> list[Result]:
    """Return the result of each of *recordings*, which run at the same time.

    Raises the first error that is not a recording's own, such as a full queue's: a client that
    tries again then sends the whole request. That, and being cancelled, ends all transcriptions.
    """
    found = await together(_result(each, transcribe) for each in recordings)
    _note_first_error(found)
    return found


async def _result(recording: Recording, transcribe: Transcribe) -> Result:
    if isinstance(recording.audio, ApiError):
        return recording.audio
    try:
        return await collected(transcribe(recording.audio, recording.place))
    except Exception as error:
        # A sample ends here: it is answered as a request with this recording alone would be.
        if status_of(error) in _OF_THE_SERVER:
            raise
        return error


def _note_first_error(found: Iterable[Result]) -> None:
    """Note the first error in the request's record: it is logged, and the answer not cached."""
    errors = (each for each in found if isinstance(each, Exception))
    if (record := CURRENT.get()) is not None and (error := next(errors, None)) is not None:
        record.error = reason_of(error)


def size(found: Iterable[Result]) -> int:
    """Return how many items there are in all results."""
    return sum(1 if isinstance(each, Exception) else len(each) for each in found)


def encoded_list(found: Sequence[Result], make: Callable[[Items], Body]) -> bytes:
    """Return the answer as JSON, encoded by short calls; *make* makes that of one recording."""
    data = [_item(index, each, make) for index, each in enumerate(found)]
    return encoded_in_pieces(TranscriptionList(data))


def _item(index: int, result: Result, make: Callable[[Items], Body]) -> ListItem:
    if isinstance(result, Exception):
        status, error = describe(result)
        return FailedItem(index=index, status=status.status, error=error)
    match make(result):
        case str() as text:
            return TextItem(index=index, text=text)
        case Transcription() as whole:
            return TranscriptionItem(index=index, **asdict(whole))
        case verbose:
            return VerboseItem(index=index, **asdict(verbose))
