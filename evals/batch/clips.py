"""Uploads recordings, each once for all repeats and models, and remembers the ids of their files.

They are uploaded, not written into the lines as base64: a line is then small, so that a batch holds
50,000 of them, and a clip crosses the network once, however often it is transcribed.
"""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import openai

from evals.ask.describe import to_failure
from evals.batch.server import LIFE, Server
from evals.dataset import Clip
from evals.failures import NotARun
from evals.files import encoded, whole_lines, writing
from evals.folder import Folder
from evals.result import Failure
from evals.runner import run

LISTED = 10_000
"""Files in one answer to a list, OpenAI's most."""


class _Uploaded(msgspec.Struct, frozen=True):
    path: str
    id: str


class Clips:
    """The clips that the run in *folder* has at *server*.

    *together* are the folders of runs that are sent one after the other, this one among them.
    """

    def __init__(self, server: Server, folder: Folder, together: Sequence[Folder] = ()) -> None:
        self._server = server
        self._path = _file(folder)
        self._others = [_file(other) for other in together]
        self.ids: dict[str, str] = {}
        """The id of the file of each clip's path."""

    async def upload(
        self, clips: Sequence[Clip], *, at_once: int, count: Callable[[int, int, int], None]
    ) -> dict[str, Failure]:
        """Upload *clips* that are not there yet; return the failures by the clip's path.

        At most *at_once* are uploaded at once. *count* is called with the numbers of those that are
        done, that failed, and of all. Raises ServerNotReady and CannotWrite.
        """
        wanted = {str(clip.audio) for clip in clips}
        if wanted:
            await self._recall()
        missing = sorted(wanted - self.ids.keys())
        done = len(wanted) - len(missing)
        failures: dict[str, Failure] = {}

        async def work(name: str) -> None:
            nonlocal done
            try:
                self._remember(name, await self._server.persist(lambda: self._create(Path(name))))
            except (openai.APIError, OSError) as error:
                failures[name] = to_failure(error, secret=self._server.client.api_key)
            done += 1
            count(done, len(failures), len(wanted))

        await run(missing, work, concurrency=at_once, stop=lambda _: False, keep=lambda _: None)
        return failures

    async def _create(self, path: Path) -> str:
        file = await self._server.client.files.create(
            file=(path.name, await asyncio.to_thread(path.read_bytes)),
            purpose="user_data",
            expires_after={"anchor": "created_at", "seconds": LIFE},
        )
        return file.id

    def _remember(self, name: str, file_id: str) -> None:
        self.ids[name] = file_id
        with writing(self._path):
            self._path.parent.mkdir(exist_ok=True)
            with self._path.open("ab") as file:
                file.write(encoded(_Uploaded(name, file_id)) + b"\n")

    async def _recall(self) -> None:
        """Read the ids of earlier uploads, and leave out what the server has no more."""
        known = {one.path: one.id for path in (*self._others, self._path) for one in _read(path)}
        there = await self._server.call(set, self._listed) if known else set()
        self.ids = {path: id_ for path, id_ in known.items() if id_ in there}

    async def _listed(self) -> set[str]:
        listed = self._server.client.files.list(purpose="user_data", limit=LISTED)
        return {file.id async for file in listed}


def _file(folder: Folder) -> Path:
    """Return the file with the ids of the clips."""
    return folder.batches / "clips.jsonl"


def _read(path: Path) -> list[_Uploaded]:
    try:
        return [msgspec.json.decode(line, type=_Uploaded) for line in whole_lines(path)]
    except msgspec.DecodeError as error:
        raise NotARun(f"{path} has a line that is not of a clip: {error}") from error


async def discard_clips(server: Server, folder: Folder, *, at_once: int) -> None:
    """Delete the clips that the run in *folder*, which has ended, has uploaded.

    At most *at_once* are deleted at once. Raises ServerNotReady and CannotWrite.
    """

    async def work(one: _Uploaded) -> None:
        await server.delete(one.id)

    uploaded = _read(_file(folder))
    await run(uploaded, work, concurrency=at_once, stop=lambda _: False, keep=lambda _: None)
    with writing(folder.batches):
        if folder.batches.exists():
            # A kill may have left half a file there too.
            shutil.rmtree(folder.batches)
