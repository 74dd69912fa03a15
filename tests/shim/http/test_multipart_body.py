"""Forms: bytes in any chunks become fields and a file, with the first fields checked early."""

import asyncio
import io
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from itertools import pairwise
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shim.api.transcription.fields import is_known, nested, parsed_form
from shim.errors import InvalidParameter, StorageFull, describe
from shim.http import spool
from shim.http.multipart_body import Form, Upload, Validate, receive
from shim.http.spool import Spool

BOUNDARY = "b0undary"
FIELD_BYTES = 1 << 20

names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)
values = st.text(max_size=30)
files = st.binary(max_size=3000) | st.just(f"\r\n--{BOUNDARY[:-1]}\r\n--\r".encode() * 5)


def body(fields: list[tuple[str, str]], file: bytes | None) -> bytes:
    """Return a multipart body with the file last."""
    parts = [
        b'Content-Disposition: form-data; name="%b"\r\n\r\n%b' % (name.encode(), value.encode())
        for name, value in fields
    ]
    if file is not None:
        head = b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        parts.append(head + file)
    delimiter = f"--{BOUNDARY}".encode()
    return b"".join(b"%b\r\n%b\r\n" % (delimiter, part) for part in parts) + delimiter + b"--\r\n"


def unchecked(_fields: list[tuple[str, str]]) -> None:
    """Accept all fields."""


async def received(
    chunks: AsyncIterator[bytes], validate: Validate = unchecked, field_bytes: int = FIELD_BYTES
) -> Upload[Spool]:
    """Receive a form with at most *field_bytes* of fields."""
    form = Form(is_known=is_known, new_spool=Spool, field_bytes=field_bytes)
    return await receive(chunks, BOUNDARY, validate, form)


async def pieces(whole: bytes, cuts: list[int]) -> AsyncIterator[bytes]:
    """Yield *whole*, cut at *cuts*."""
    places = [0, *sorted(cut % (len(whole) + 1) for cut in cuts), len(whole)]
    for start, end in pairwise(places):
        if start < end:
            yield whole[start:end]


@settings(max_examples=60, deadline=None)
@given(
    fields=st.lists(st.tuples(names.filter(lambda name: name != "file"), values), max_size=5),
    file=files,
    cuts=st.lists(st.integers(min_value=0, max_value=5000), max_size=12),
)
async def test_any_pieces(fields: list[tuple[str, str]], file: bytes, cuts: list[int]) -> None:
    """A body in any chunks gives the same fields and the same file."""
    with closing(await received(pieces(body(fields, file), cuts))) as upload:
        assert upload.fields == fields
        upload.spool.file.seek(0)
        assert upload.spool.file.read() == file


async def test_every_cut() -> None:
    """A body in two chunks, cut anywhere, gives the same fields and the same file."""
    whole = body([("model", "m"), ("prompt", "é")], b"\r\n--b0undar\r\r\n")
    for cut in range(len(whole)):
        with closing(await received(pieces(whole, [cut]))) as upload:
            assert upload.fields == [("model", "m"), ("prompt", "é")]


async def test_a_large_file_is_spooled() -> None:
    """A file of more than a mebibyte is on disk, not in memory."""
    large = bytes(2 << 20)

    with closing(await received(pieces(body([], large), [1000]))) as upload:
        upload.spool.file.seek(0)
        assert upload.spool.file.read() == large
        assert upload.spool.file._rolled


@pytest.mark.parametrize("cut", [0, 1, 40, 100, -4, -8])
async def test_a_body_that_ends_early(cut: int) -> None:
    """A body without its end is refused."""
    whole = body([("model", "m")], b"audio" * 20)

    with pytest.raises(InvalidParameter, match="not a multipart form"):
        await received(pieces(whole[:cut], []))


async def test_fields_that_are_too_large() -> None:
    """A megabyte of fields is refused, in any number of fields."""
    for fields in ([("prompt", "a" * (FIELD_BYTES + 1))], [("prompt", "a" * 2000)] * 600):
        whole = body(fields, b"")

        with pytest.raises(InvalidParameter, match=f"more than {FIELD_BYTES} bytes") as refusal:
            await received(pieces(whole, [1 << 20]))

        assert refusal.value.param == "prompt"


async def test_names_count_as_fields() -> None:
    """Names of fields count towards the limit."""
    whole = body([("a" * 100, "")] * 999, b"")

    with pytest.raises(InvalidParameter, match="more than 50000 bytes"):
        await received(pieces(whole, []), field_bytes=50_000)


async def test_a_name_that_is_too_long() -> None:
    """A name of kilobytes is refused and not quoted."""
    whole = body([("a" * 2000, "1")], None)

    with pytest.raises(InvalidParameter, match="128 characters") as refusal:
        await received(pieces(whole, []))

    assert len(str(refusal.value)) < 100


async def test_headers_that_are_too_large() -> None:
    """A part with a header of kilobytes, or with many headers, is refused."""
    for more in (b"x: " + b"a" * 20_000, b"\r\n".join([b"x: y"] * 10)):
        whole = body([("model", "m")], None).replace(b'"model"', b'"model"\r\n' + more)

        with pytest.raises(InvalidParameter, match="not a multipart form"):
            await received(pieces(whole, [100]))


class Full(io.FileIO):
    """A file on a full disk; it records whether it was closed."""

    made: ClassVar[list["Full"]] = []

    def __init__(self, **_: object) -> None:
        super().__init__("/dev/full", "r+")
        self.made.append(self)


async def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without room on the disk is refused for now, and closed."""
    monkeypatch.setattr(spool, "SpooledTemporaryFile", Full)
    whole = body([], bytes(3 << 20))

    with pytest.raises(StorageFull) as refusal:
        await received(pieces(whole, [1 << 20, 2 << 20]))

    failure, _ = describe(refusal.value)
    assert failure.status == 503
    assert int(failure.headers["retry-after"]) > 0
    assert Full.made.pop().closed


async def test_leaving_while_the_disk_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a client leaves during a write, the file is closed only after the write."""
    begun, go_on, outcomes = threading.Event(), threading.Event(), list[str]()

    class Slow(io.BytesIO):
        def __init__(self, **_: object) -> None:
            super().__init__()

        def write(self, content: Any) -> int:
            begun.set()
            assert go_on.wait(60)
            outcomes.append("written")
            return super().write(content)

        def close(self) -> None:
            outcomes.append("closed")
            super().close()

    monkeypatch.setattr(spool, "SpooledTemporaryFile", Slow)
    receiving = asyncio.create_task(received(pieces(body([], bytes(3 << 20)), [2 << 20])))
    assert await asyncio.to_thread(begun.wait, 60)

    receiving.cancel()
    go_on.set()

    with pytest.raises(asyncio.CancelledError):
        await receiving
    assert outcomes == ["written", "closed"]


async def test_too_many_parts() -> None:
    """A form of thousands of parts is refused."""
    whole = body([("a", "")] * 2000, b"")

    with pytest.raises(InvalidParameter, match="not a multipart form"):
        await received(pieces(whole, []))


async def test_two_files() -> None:
    """A second file is refused."""
    whole = body([("file", "a")], b"b")

    with pytest.raises(InvalidParameter, match="only one `file`"):
        await received(pieces(whole, []))


async def test_a_field_that_is_not_utf8() -> None:
    """A field with invalid bytes is refused by name."""
    whole = body([("prompt", "@")], None).replace(b"@", b"caf\xe9")

    upload = await received(pieces(whole, []))
    with pytest.raises(InvalidParameter, match="not UTF-8") as refusal:
        nested(upload.fields)

    assert refusal.value.param == "prompt"


# ── charsets, names of files, parts that nobody needs ─────────────────────────


def parts(*parts: tuple[bytes, bytes]) -> bytes:
    """Return a body of parts, each of the text behind `form-data; ` in its head and its content."""
    return (
        b"".join(
            b"--b0undary\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % part
            for part in parts
        )
        + b"--b0undary--\r\n"
    )


FILE_NAMES = [
    "запись.wav".encode("cp1251"),
    "école.wav".encode("latin-1"),
    "录音.wav".encode("gb18030"),
    "é.wav".encode(),
    bytes(range(0x80, 0x100)) + b"\x01\x7f",
    b"",
    b'a\\"b.wav',
    b"a%22b%0D%0A.wav",
    b"../../etc/passwd",
    b"C:\\clips\\a.wav",
    b"/" + b"d/" * 2000 + b"a.wav",
    b"%D0%B0" * 2000,
    b'a"b.wav',
]


@pytest.mark.parametrize("name", FILE_NAMES, ids=range(len(FILE_NAMES)))
async def test_names_of_files(name: bytes) -> None:
    """A file's name may have any bytes, since it is not used."""
    whole = parts((b'name="model"', b"m"), (b'name="file"; filename="%b"' % name, b"audio"))

    with closing(await received(pieces(whole, [100]))) as upload:
        upload.spool.file.seek(0)
        assert upload.spool.file.read() == b"audio"


async def test_an_extended_name_of_a_file() -> None:
    """A file's name by RFC 2231 may have any charset."""
    for more in (b"filename*=UTF-8''%d0%b0.wav", b"filename=a.wav; filename*=x-none''%ff.wav"):
        with closing(await received(pieces(parts((b'name="file"; ' + more, b"a")), []))) as upload:
            assert upload.spool.file is not None


def typed(name: str, content: bytes, content_type: str) -> tuple[bytes, bytes]:
    """Return a part that declares its *content_type*."""
    head = f'name="{name}"\r\nContent-Type: {content_type}'
    return head.encode(), content


@pytest.mark.parametrize(
    "charset", ["utf-8", "UTF-8", "utf-16", "utf-16le", "latin-1", "ISO-8859-1", "windows-1252"]
)
async def test_charsets(charset: str) -> None:
    """A part's declared charset is honoured, with quotation marks or without."""
    content = "café".encode(charset)
    for declared in (charset, f'"{charset}"'):
        whole = parts(typed("prompt", content, f"text/plain; charset={declared}"))

        assert (await received(pieces(whole, []))).fields == [("prompt", "café")]


async def test_a_charset_for_all() -> None:
    """`_charset_` is the charset of all parts that declare none, and is not a field."""
    stated = (b'name="_charset_"', b"iso-8859-1")
    own = typed("language", "é".encode(), "text/plain; charset=utf-8")
    for order in ([stated, (b'name="prompt"', b"caf\xe9"), own], [own, stated]):
        upload = await received(pieces(parts(*order), []))

        assert ("language", "é") in upload.fields
        assert {name for name, _ in upload.fields} <= {"prompt", "language"}
        assert all(text in ("café", "é") for _, text in upload.fields)


@pytest.mark.parametrize(
    "charset", ["klingon", "idna", "punycode", "base64", "zlib", "unicode_escape", "x" * 200]
)
async def test_unknown_charsets(charset: str) -> None:
    """An unknown charset is refused by the name of its field if the field is known."""
    of_prompt = parts(typed("prompt", b"a", f"text/plain; charset={charset}"))
    of_another = parts(typed("other", b"a", f"text/plain; charset={charset}"))

    with pytest.raises(InvalidParameter, match="unknown charset: ") as refusal:
        nested((await received(pieces(of_prompt, []))).fields)

    assert refusal.value.param == "prompt"
    assert parsed_form(nested((await received(pieces(of_another, []))).fields)).unknown == (
        "other",
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [(b'"caf\\u00e9"', "café"), (b"plain", "plain"), (b'"a" b', '"a" b'), (b"null", "")],
)
async def test_a_part_of_json(text: bytes, value: str) -> None:
    """A string that is declared as JSON is read without its quotation marks."""
    whole = parts(typed("prompt", text, "application/json; charset=utf-8"))

    assert (await received(pieces(whole, []))).fields == [("prompt", value)]


FIELD, COVER = b'name="cover"', b'name="cover"; filename="a.png"'


@pytest.mark.parametrize(("head", "size"), [(FIELD, 10), (COVER, 10), (COVER, 5 * FIELD_BYTES)])
async def test_parts_under_unknown_names(head: bytes, size: int) -> None:
    """Of an unknown field with any bytes, or an unknown file, only the name is kept."""
    whole = parts((b'name="file"; filename="a"', b"audio"), (head, b"\xff" * size))
    whole = whole.removesuffix(b"--b0undary--\r\n") + parts((b'name="prompt"', b"later"))

    with closing(await received(pieces(whole, [*range(0, len(whole), 1 << 18)]))) as upload:
        parsed = parsed_form(nested(upload.fields))

    assert parsed.form.prompt == "later"
    assert parsed.unknown == ("cover",)
    assert sum(len(part.content or b"") for part in upload.parts) <= 20


async def test_a_recording_under_another_name() -> None:
    """If an unknown field is too large, the error names `file` as the right field."""
    with pytest.raises(InvalidParameter, match="A file is sent as `file`"):
        await received(pieces(parts((b'name="audio"', b"\xff" * (FIELD_BYTES + 1))), []))


async def test_names_that_are_not_utf8() -> None:
    """A field's name in another code page is an unknown name."""
    whole = parts((b'name="\xec\xee\xe4\xe5\xeb\xfc"', b"1"))

    parsed = parsed_form(nested((await received(pieces(whole, []))).fields))

    assert parsed.unknown == (r"\xec\xee\xe4\xe5\xeb\xfc",)


@pytest.mark.parametrize("name", ["file", "prompt"])
@pytest.mark.parametrize("header", ["Content-Transfer-Encoding: base64", "Content-Encoding: gzip"])
async def test_coded_parts(name: str, header: str) -> None:
    """An encoded part is refused by name; a declared coding without effect is accepted."""
    head = f'name="{name}"\r\n'.encode()

    with pytest.raises(InvalidParameter, match=header) as refusal:
        await received(pieces(parts((head + header.encode(), b"YQ==")), []))

    assert refusal.value.param == name
    plain = parts((head + b"Content-Transfer-Encoding: binary", b"a"))
    (await received(pieces(plain, []))).close()


# ── checked early ──────────────────────────────────────────────────────────────

HEAD = b'Content-Disposition: form-data; name="%b"\r\n\r\n'


async def never_further(*pieces: bytes) -> AsyncIterator[bytes]:
    """Yield *pieces*; fail the test if more are read."""
    for piece in pieces:
        yield piece
    pytest.fail("the body was read on")


async def test_a_refusal_ends_the_reading() -> None:
    """An error in the fields before the file is raised before the file is read."""
    whole = body([("model", "nope")], b"audio")
    until_the_file = whole[: whole.index(b"audio")]

    def validate(fields: list[tuple[str, str]]) -> None:
        raise InvalidParameter(f"refused: {fields}")

    with pytest.raises(InvalidParameter, match=r"refused: \[\('model', 'nope'\)\]"):
        await received(never_further(until_the_file), validate)


async def test_the_early_check_gets_the_fields_before_the_file() -> None:
    """The early check gets the fields before the file; later fields are kept."""
    file, later = HEAD % b"file" + b"audio", HEAD % b"prompt" + b"late"
    first = body([("model", "m")], None).removesuffix(f"--{BOUNDARY}--\r\n".encode())
    rest = b"".join(f"--{BOUNDARY}\r\n".encode() + part + b"\r\n" for part in (file, later))
    whole = first + rest + f"--{BOUNDARY}--\r\n".encode()
    seen: list[list[tuple[str, str]]] = []

    def validate(fields: list[tuple[str, str]]) -> None:
        seen.append(list(fields))

    with closing(await received(pieces(whole, []), validate)) as upload:
        assert seen == [[("model", "m")]]
        assert upload.fields == [("model", "m"), ("prompt", "late")]


async def test_without_a_file_there_is_no_early_check() -> None:
    """A form without a file is not checked here: its fields are returned."""
    whole = body([("model", "m")], None)
    seen: list[object] = []

    upload = await received(pieces(whole, []), seen.append)

    assert (upload.fields, upload.spool, seen) == ([("model", "m")], None, [])
