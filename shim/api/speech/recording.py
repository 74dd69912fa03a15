"""Finds the one recording of a chat or a response, and checks its place among the messages."""

from collections.abc import Sequence
from itertools import dropwhile
from typing import NamedTuple

from shim.api.transcription.base64_audio import is_data_url
from shim.errors import InvalidParameter

_ANSWERING = ("assistant", "tool", "function")
"""Roles of messages that respond to those before them."""


class Recording(NamedTuple):
    """A recording as it comes in the request: text, not yet decoded."""

    place: str
    """The path of its field in the request."""
    text: str
    """Base64, or a `data:` URL."""


class Turn(NamedTuple):
    """A message's role and recordings. Its text is dropped: it is not Whisper's prompt."""

    role: str
    place: str
    """The path of the message in the request."""
    recordings: tuple[Recording, ...]


def of_url(url: str, place: str) -> Recording:
    """Return the recording in *url*; raise InvalidParameter for a URL other than `data:`."""
    if not is_data_url(url):
        raise InvalidParameter(
            "Recordings are not fetched from elsewhere: send a `data:` URL.", param=place
        )
    return Recording(place, url)


def only_recording(turns: Sequence[Turn], *, param: str) -> Recording:
    """Return the only recording of *turns*, the messages in the request's field *param*.

    Raises InvalidParameter for none, for several, for one in a message that is not a user's, and
    for one before a message of an assistant or a tool: the request is then about an earlier answer.
    """
    recordings = [recording for turn in turns for recording in turn.recordings]
    if not recordings:
        raise InvalidParameter(
            "This model transcribes: it needs a recording, one `input_audio` part of a user's "
            "message.",
            param=param,
        )
    if len(recordings) > 1:
        raise InvalidParameter(
            f"This model transcribes one recording at a time: there are {len(recordings)}, the "
            f"second at `{recordings[1].place}`.",
            param=recordings[1].place,
        )
    holder, *later = dropwhile(lambda turn: not turn.recordings, turns)
    if holder.role != "user":
        raise InvalidParameter(
            "A recording belongs in a user's message.", param=recordings[0].place
        )
    for turn in later:
        if turn.role in _ANSWERING:
            raise InvalidParameter(
                "This model transcribes, and cannot continue from an earlier answer: the recording "
                f"must come after `{turn.place}`.",
                param=turn.place,
            )
    return recordings[0]
