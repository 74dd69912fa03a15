"""Reads a multipart body, as it arrives, into fields and a file."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

from multipart import MultipartError, MultipartSegment, PushMultipartParser

from shim.errors import InvalidParameter

from .multipart_part import Field, Part, fields
from .spool import Spool

S = TypeVar("S", bound=Spool)

_PARTS = 1000
"""Most parts of one form."""

_HEADERS_OF_PART = 8
"""Most headers of one part."""

_HEADER_BYTES = 16 << 10
"""Most bytes of a header line: enough for a path of 4,096 bytes, at three characters a byte."""

_NAME_LENGTH = 128
"""Most characters of a field's name."""

_HEADER_CHARSET = "latin-1"
"""The charset of headers. It decodes any bytes, and `_text` makes them UTF-8."""

_PLAIN_CODINGS = frozenset({"", "7bit", "8bit", "binary", "identity"})
"""Codings that change no byte. RFC 7578, 4.7 forbids the others; mail libraries send them."""

Validate = Callable[[list[Field]], object]
"""Checks the fields that have arrived so far; raises for an invalid one."""


@dataclass(frozen=True, kw_only=True)
class Form(Generic[S]):
    """What a route expects of its forms."""

    is_known: Callable[[str], bool]
    """Whether a name is that of a field; `file` is not one."""
    new_spool: Callable[[], S]
    """Opens what holds the file."""
    field_bytes: int
    """Most bytes of names and values of all fields together."""


@dataclass
class Upload(Generic[S]):
    """The parts of one body; `close` removes the spooled file."""

    parts: list[Part] = field(default_factory=list)
    """All parts except the file."""
    spool: S | None = None
    """Holds the file, whole once the body has been read; None if there is no file."""
    filename: str = ""
    """The name that the client gives the file: any text; empty if it gives none."""

    @property
    def fields(self) -> list[Field]:
        """The names and values of all parts except the file."""
        return fields(self.parts)

    def close(self) -> None:
        """Remove the file."""
        if self.spool is not None:
            self.spool.close()


async def receive(
    body: AsyncIterator[bytes], boundary: str, validate: Validate, form: Form[S]
) -> Upload[S]:
    """Read *body* to its end and return its parts; the caller closes the Upload.

    Files under unknown names are discarded. *validate* is called with the fields that precede the
    file, before the file is read; an error that it raises ends the reading.

    Raises InvalidParameter if the body is not a multipart form, has two files, has a part that is
    compressed or encoded, or has more bytes of fields than *form* allows. Raises StorageFull if
    there is no room on the disk.
    """
    upload: Upload[S] = Upload()
    try:
        with PushMultipartParser(
            boundary,
            max_segment_count=_PARTS,
            max_header_count=_HEADERS_OF_PART,
            max_header_size=_HEADER_BYTES,
            header_charset=_HEADER_CHARSET,
        ) as parser:
            reader = _Parts(upload, validate, form)
            async for chunk in body:
                for event in parser.parse(chunk):
                    reader.feed(event)
                if upload.spool is not None:
                    await upload.spool.write()
        if upload.spool is not None:
            await upload.spool.finish()
    except BaseException as error:
        upload.close()
        if isinstance(error, MultipartError):
            raise InvalidParameter(f"The body is not a multipart form: {error}") from error
        raise
    return upload


class _Parts(Generic[S]):
    """Puts the part that is being read into a field, or into the file."""

    def __init__(self, upload: Upload[S], validate: Validate, form: Form[S]) -> None:
        self._upload = upload
        self._validate = validate
        self._form = form
        self._part: Part | None = None
        """The part that is being read; None for the file, and between parts."""
        self._field_bytes_left = form.field_bytes

    def feed(self, event: "MultipartSegment | bytearray | None") -> None:
        """Process the head of a part, more of its content, or (None) its end."""
        match event:
            case MultipartSegment():
                self._begin(event)
            case None:
                self._end()
            case _:
                self._more(event)

    def _begin(self, head: MultipartSegment) -> None:
        name = _name(head)
        if name == "file" or self._form.is_known(name):
            _refuse_coded(name, head)
        if name == "file":
            self._part = None
            self._begin_file(head)
            return
        # A file under another name may have any size, so its content is not kept.
        unneeded = head.filename is not None and not self._form.is_known(name)
        self._part = Part(
            name=name,
            content=None if unneeded else bytearray(),
            content_type=head.content_type,
            charset=head.charset,
        )
        self._upload.parts.append(self._part)
        self._count(len(name.encode()))

    def _begin_file(self, head: MultipartSegment) -> None:
        if self._upload.spool is not None:
            raise InvalidParameter("A form can have only one `file`.", param="file")
        self._validate(self._upload.fields)
        self._upload.filename = _text(head.filename or "")
        self._upload.spool = self._form.new_spool()  # closed by the Upload

    def _more(self, content: bytearray) -> None:
        if self._part is None:
            cast("S", self._upload.spool).add(content)
        elif self._part.content is not None:
            self._count(len(content))
            self._part.content += content

    def _count(self, size: int) -> None:
        self._field_bytes_left -= size
        if self._field_bytes_left < 0:
            name = self._part.name if self._part else None
            is_field = name is None or self._form.is_known(name)
            hint = "" if is_field else " A file is sent as `file`."
            raise InvalidParameter(
                f"The fields take more than {self._form.field_bytes} bytes together.{hint}",
                param=name,
            )

    def _end(self) -> None:
        self._part = None


def _name(head: MultipartSegment) -> str:
    name = _text(head.name)
    if len(name) > _NAME_LENGTH:
        raise InvalidParameter(f"A field's name has more than {_NAME_LENGTH} characters.")
    return name


def _text(header: str) -> str:
    """Return the UTF-8 text of *header*, which the parser has decoded byte by byte."""
    return header.encode(_HEADER_CHARSET).decode(errors="backslashreplace")


def _refuse_coded(name: str, head: MultipartSegment) -> None:
    """Raise InvalidParameter if a part is compressed, or encoded as text."""
    for header in ("Content-Transfer-Encoding", "Content-Encoding"):
        coding = head.header(header, "").strip().lower()
        if coding not in _PLAIN_CODINGS:
            raise InvalidParameter(
                f"The part `{name}` has {header}: {coding}. Send it without.", param=name
            )
