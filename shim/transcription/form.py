"""A multipart body, as it arrives, into fields and a file."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from multipart import MultipartError, MultipartSegment, PushMultipartParser

from shim.errors import InvalidParameter

_IN_MEMORY = 1 << 18
"""Bytes of a file that stay in memory, some eight seconds of speech; a larger one goes to disk."""

_FIELD_BYTES = 1 << 20
"""A form field larger than this is no field of ours."""

_PARTS = 1000
"""Parts that one form may have."""


@dataclass
class Upload:
    """The parts of one body; close it to remove the spooled file."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    file: BinaryIO | None = None

    def close(self) -> None:
        """Remove the file."""
        if self.file is not None:
            self.file.close()


async def receive(
    body: AsyncIterator[bytes], boundary: str, judge: Callable[[list[tuple[str, str]]], object]
) -> Upload:
    """Read *body* to its end; raise InvalidParameter if it is no multipart form.

    *judge* is given the fields that came before the file, before the file is read: what it raises
    ends the reading.
    """
    upload = Upload()
    try:
        with PushMultipartParser(boundary, max_segment_count=_PARTS) as parser:
            reader = _Parts(upload, judge)
            async for chunk in body:
                for event in parser.parse(chunk):
                    reader.take(event)
    except BaseException as error:
        upload.close()
        if isinstance(error, MultipartError):
            raise InvalidParameter(f"The body is no multipart form: {error}") from error
        raise
    return upload


class _Parts:
    """Where the part that is being read goes: into a field, or into the file."""

    def __init__(self, upload: Upload, judge: Callable[[list[tuple[str, str]]], object]) -> None:
        self._upload = upload
        self._judge = judge
        self._name = ""
        self._text: bytearray | None = None

    def take(self, event: "MultipartSegment | bytearray | None") -> None:
        """Take the head of a part, more of its content, or (None) its end."""
        match event:
            case MultipartSegment():
                self._begin(event)
            case None:
                self._end()
            case _:
                self._more(event)

    def _begin(self, head: MultipartSegment) -> None:
        self._name = head.name
        self._text = None if head.name == "file" else bytearray()
        if self._text is None:
            if self._upload.file is not None:
                raise InvalidParameter("Only one `file` can be transcribed.", param="file")
            self._judge(self._upload.fields)
            spool = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  closed by the Upload
            self._upload.file = cast("BinaryIO", spool)

    def _more(self, content: bytearray) -> None:
        if self._text is None:
            cast("BinaryIO", self._upload.file).write(content)
            return
        self._text += content
        if len(self._text) > _FIELD_BYTES:
            raise InvalidParameter(f"`{self._name}` is too large.", param=self._name)

    def _end(self) -> None:
        if self._text is not None:
            self._upload.fields.append((self._name, self._decoded(self._text)))

    def _decoded(self, text: bytearray) -> str:
        try:
            return text.decode()
        except UnicodeDecodeError as error:
            raise InvalidParameter(f"`{self._name}` is not UTF-8.", param=self._name) from error
