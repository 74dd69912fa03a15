"""A multipart body, as it arrives, into fields and a file."""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from multipart import MultipartError, MultipartSegment, PushMultipartParser

from shim.errors import InvalidParameter, StorageFull

from .fields import is_known
from .multipart_part import Field, Part, fields

_IN_MEMORY = 1 << 18
"""Bytes of a file that stay in memory, some eight seconds of speech; a larger one goes to disk."""

_WRITTEN_AT_ONCE = 1 << 20
"""Bytes that are collected before a thread writes them: a disk may keep whoever writes waiting."""

# Of one form. Of ours none has more; the parser's own bounds are these of a part's headers.
_PARTS = 1000
_HEADERS_OF_PART = 8
_HEADER_BYTES = 16 << 10
"""Bytes of a header line: a path of 4,096 bytes fits, also with three characters for each byte."""

_NAME_LENGTH = 128

_HEADER_CHARSET = "latin-1"
"""File names are not used, so their bytes may be in any charset."""

_AS_IT_IS = frozenset({"", "7bit", "8bit", "binary", "identity"})
"""Codings that change no byte. RFC 7578, 4.7 rules out the others; mail libraries use them."""

_FULL = (errno.ENOSPC, errno.EDQUOT)

Judge = Callable[[list[Field]], object]


@dataclass
class Upload:
    """The parts of one body; close it to remove the spooled file."""

    parts: list[Part] = field(default_factory=list)
    """All but the file."""
    file: BinaryIO | None = None

    @property
    def fields(self) -> list[Field]:
        """The names and values of the parts beside the file."""
        return fields(self.parts)

    def close(self) -> None:
        """Remove the file."""
        if self.file is not None:
            self.file.close()


async def receive(
    body: AsyncIterator[bytes], boundary: str, judge: Judge, *, field_bytes: int
) -> Upload:
    """Read *body* to its end; raise InvalidParameter if it is no multipart form.

    All names and values of its fields have at most *field_bytes* together. Files under other names
    than `file` are thrown away. *judge* is given the fields that came before the file, before the
    file is read: what it raises ends the reading.

    Raises StorageFull if the file finds no room on the disk.
    """
    upload = Upload()
    try:
        with PushMultipartParser(
            boundary,
            max_segment_count=_PARTS,
            max_header_count=_HEADERS_OF_PART,
            max_header_size=_HEADER_BYTES,
            header_charset=_HEADER_CHARSET,
        ) as parser:
            reader = _Parts(upload, judge, field_bytes)
            async for chunk in body:
                for event in parser.parse(chunk):
                    reader.take(event)
                await reader.write(at_least=_WRITTEN_AT_ONCE)
        await reader.write(at_least=1)
    except BaseException as error:
        # What could not be written cannot be on closing: it is said already.
        with suppress(OSError):
            upload.close()
        if isinstance(error, MultipartError):
            raise InvalidParameter(f"The body is no multipart form: {error}") from error
        if isinstance(error, OSError) and error.errno in _FULL:
            raise StorageFull("There is no room left to keep the file.", retry_after=10) from error
        raise
    return upload


class _Parts:
    """Where the part that is being read goes: into a field, or into the file."""

    def __init__(self, upload: Upload, judge: Judge, field_bytes: int) -> None:
        self._upload = upload
        self._judge = judge
        self._part: Part | None = None
        """The part that is being read, unless it is the file."""
        self._left = self._field_bytes = field_bytes
        self._unwritten = bytearray()
        self._written = 0

    def take(self, event: "MultipartSegment | bytearray | None") -> None:
        """Take the head of a part, more of its content, or (None) its end."""
        match event:
            case MultipartSegment():
                self._begin(event)
            case None:
                self._end()
            case _:
                self._more(event)

    async def write(self, *, at_least: int) -> None:
        """Write what came of the file, if it has *at_least* so many bytes."""
        if len(self._unwritten) < at_least:
            return
        content, self._unwritten = self._unwritten, bytearray()
        self._written += len(content)
        file = cast("BinaryIO", self._upload.file)
        if self._written <= _IN_MEMORY:
            file.write(content)
        else:
            await _to_its_end(lambda: _write(file, content))

    def _begin(self, head: MultipartSegment) -> None:
        name = _name(head)
        _refuse_coded(name, head)
        if name == "file":
            self._part = None
            self._begin_file()
            return
        # A file under another name may have any size.
        unneeded = head.filename is not None and not is_known(name)
        self._part = Part(
            name=name,
            content=None if unneeded else bytearray(),
            content_type=head.content_type,
            charset=head.charset,
        )
        self._upload.parts.append(self._part)
        self._count(len(name.encode()))

    def _begin_file(self) -> None:
        if self._upload.file is not None:
            raise InvalidParameter("Only one `file` can be transcribed.", param="file")
        self._judge(self._upload.fields)
        spool = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  closed by the Upload
        self._upload.file = cast("BinaryIO", spool)

    def _more(self, content: bytearray) -> None:
        if self._part is None:
            self._unwritten += content
        elif self._part.content is not None:
            self._count(len(content))
            self._part.content += content

    def _count(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            name = self._part.name if self._part else None
            hint = "" if name is None or is_known(name) else " A recording is sent as `file`."
            raise InvalidParameter(
                f"The fields take more than {self._field_bytes} bytes together.{hint}", param=name
            )

    def _end(self) -> None:
        self._part = None


def _name(head: MultipartSegment) -> str:
    # Headers are decoded byte by byte. No known name needs more than ASCII.
    name: str = head.name.encode(_HEADER_CHARSET).decode(errors="backslashreplace")
    if len(name) > _NAME_LENGTH:
        raise InvalidParameter(f"A field's name has more than {_NAME_LENGTH} characters.")
    return name


def _refuse_coded(name: str, head: MultipartSegment) -> None:
    """Raise InvalidParameter if the content of the part is packed, or written as text."""
    for header in ("Content-Transfer-Encoding", "Content-Encoding"):
        coding = head.header(header, "").strip().lower()
        if coding not in _AS_IT_IS and (name == "file" or is_known(name)):
            raise InvalidParameter(
                f"The part `{name}` has {header}: {coding}. Send it as it is.", param=name
            )


def _write(file: BinaryIO, content: bytearray) -> None:
    file.write(content)
    file.flush()  # or a full disk would only show where the file is read


async def _to_its_end(step: Callable[[], None]) -> None:
    """Run *step* in a thread; if cancelled, wait for it first: it uses what is closed then."""
    running = asyncio.ensure_future(asyncio.to_thread(step))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.gather(running, return_exceptions=True)
        raise
