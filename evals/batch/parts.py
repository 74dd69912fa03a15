"""Keeps in a run's folder which requests are in which batch, so that none is sent twice."""

from pathlib import Path

import msgspec

from evals.failures import NotARun
from evals.files import discard, write_json, writing


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A batch whose results were not read yet, or whose files have not been deleted since.

    *token* names it, at the server too, in the batch's metadata. *ids* are the requests in the
    order of the lines, *round* how many batches they were in before. *input_file_id* is that of the
    uploaded lines; *batch_id* is None until the batch is known to exist. *written_at* is in seconds
    since 1970. *read* has the files to be deleted once all results are written, else it is empty.
    """

    token: str
    ids: list[str]
    round: int
    endpoint: str
    input_file_id: str
    batch_id: str | None = None
    written_at: int
    read: list[str] = []


class Parts:
    """The parts of one run, each a file of the folder *place*, which exists while there are any."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def load(self) -> list[Part]:
        """Return the parts that an earlier process left, the oldest first. Raises NotARun."""
        found = [self._read(path) for path in self.place.glob("*.json")]
        return sorted(found, key=lambda part: part.written_at)

    def _read(self, path: Path) -> Part:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Part)
        except msgspec.DecodeError as error:
            raise NotARun(f"{path} is not of this version: {error}") from error

    def keep(self, part: Part) -> Part:
        """Write *part*, in place of what was known of it, and return it. Raises CannotWrite."""
        with writing(self.place):
            self.place.mkdir(exist_ok=True)
        write_json(self.place / f"{part.token}.json", part)
        return part

    def forget(self, part: Part) -> None:
        """Remove *part*, of which nothing is left at the server. Raises CannotWrite."""
        discard(self.place / f"{part.token}.json")
