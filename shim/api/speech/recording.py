"""The one recording of a request, and where it stands among the messages."""

from collections.abc import Sequence
from itertools import dropwhile
from typing import NamedTuple

from shim.api.transcription.base64_audio import is_data_url
from shim.errors import InvalidParameter

_ANSWERING = ("assistant", "tool", "function")
"""Roles of messages that follow from those before them."""


class Recording(NamedTuple):
    """A recording as the request holds it."""

    place: str
    """The path of its field."""
    text: str
    """Base64, or a `data:` URL."""


class Turn(NamedTuple):
    """A message, of which only the recordings count: text is not Whisper's prompt."""

    role: str
    place: str
    recordings: tuple[Recording, ...]


def of_url(url: str, place: str) -> Recording:
    """Return the recording in *url*; raise InvalidParameter for a URL other than `data:`."""
    if not is_data_url(url):
        raise InvalidParameter(
            "Recordings are not fetched from elsewhere: send a `data:` URL.", param=place
        )
    return Recording(place, url)


def only_recording(turns: Sequence[Turn], *, param: str) -> Recording:
    """Return the only recording of *turns*, which are the field *param*.

    Raises InvalidParameter for none, for several, for one in a message that is not a user's, and
    for one that an assistant's message follows: what is then asked for is about an earlier answer.
    """
    found = [recording for turn in turns for recording in turn.recordings]
    if not found:
        raise InvalidParameter(
            "This model transcribes: it needs a recording, one `input_audio` part of a user's "
            "message.",
            param=param,
        )
    if len(found) > 1:
        raise InvalidParameter(
            f"This model transcribes one recording at a time: there are {len(found)}, the second "
            f"at `{found[1].place}`.",
            param=found[1].place,
        )
    holder, *later = dropwhile(lambda turn: not turn.recordings, turns)
    if holder.role != "user":
        raise InvalidParameter("A recording belongs in a user's message.", param=found[0].place)
    for turn in later:
        if turn.role in _ANSWERING:
            raise InvalidParameter(
                "This model transcribes, and takes up no earlier answer: the recording has to "
                f"come after `{turn.place}`.",
                param=turn.place,
            )
    return found[0]
