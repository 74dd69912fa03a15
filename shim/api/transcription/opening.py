"""Opens the recordings that a JSON body holds or names."""

import io
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO

from msgspec import Struct

from shim.errors import ApiError, InvalidParameter, NotEnabled, UnknownFile
from shim.http.auth import owner_of
from shim.http.request import ApiRequest

from .json_body import ONE, Link, Source, Stored

if TYPE_CHECKING:
    from .downloads import Downloads


class Recording(Struct, frozen=True, kw_only=True):
    """One recording of a request."""

    audio: BinaryIO | ApiError
    """The encoded recording; or, for one of many, why it cannot be read."""
    place: str = ONE
    """The path of its field in the request."""


async def opened(
    sources: Sequence[Source], request: ApiRequest, stack: ExitStack
) -> list[Recording]:
    """Return the recordings of *sources*, in their order; *stack* closes their files.

    One that cannot be opened has its error. Raises what concerns more than one, as StorageFull.
    """
    fetched = await _fetched(sources, request.app.state.downloads, stack)
    found = []
    for source in sources:
        audio: BinaryIO | ApiError
        match source.content:
            case bytes() as content:
                audio = io.BytesIO(content)
            case Stored() as file:
                audio = await _stored(file.id, source.place, request, stack)
            case Link():
                audio = fetched[source.place]
            case error:
                audio = error
        found.append(Recording(audio=audio, place=source.place))
    return found


async def _stored(
    id_: str, place: str, request: ApiRequest, stack: ExitStack
) -> BinaryIO | ApiError:
    """Return the client's file with that id, or why it cannot be opened."""
    try:
        files = request.app.state.batches().files
        audio: BinaryIO = await files.opened(await files.get(id_, owner_of(request.scope)))
    except NotEnabled as error:
        return InvalidParameter(str(error), param=place)
    except UnknownFile as error:
        error.param = place
        return error
    stack.callback(audio.close)
    return audio


async def _fetched(
    sources: Sequence[Source], downloads: "Downloads | None", stack: ExitStack
) -> Mapping[str, BinaryIO | InvalidParameter]:
    """Return what is at the URLs of *sources*, or why it is not fetched, by their places."""
    urls = {each.place: each.content.url for each in sources if isinstance(each.content, Link)}
    if not urls:
        return {}
    if downloads is None:
        return {place: InvalidParameter(_OFF, param=place) for place in urls}
    return await downloads.fetched(urls, stack)


_OFF = (
    "This server fetches no URLs (`[server] allowed_media_hosts` lists none): send a `data:` URL."
)
