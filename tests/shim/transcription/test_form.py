"""Forms: bytes in any pieces into fields and a file, judged on the way."""

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

from shim.errors import InvalidParameter, StorageFull, describe
from shim.transcription import form
from shim.transcription.form import Judge, Upload, receive

BOUNDARY = "b0undary"
FIELD_BYTES = 1 << 20

names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)
values = st.text(max_size=30)
files = st.binary(max_size=3000) | st.just(f"\r\n--{BOUNDARY[:-1]}\r\n--\r".encode() * 5)


def body(fields: list[tuple[str, str]], file: bytes | None) -> bytes:
    """Write a multipart body, the file last."""
    parts = [
        b'Content-Disposition: form-data; name="%b"\r\n\r\n%b' % (name.encode(), value.encode())
        for name, value in fields
    ]
    if file is not None:
        head = b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        parts.append(head + file)
    delimiter = f"--{BOUNDARY}".encode()
    return b"".join(b"%b\r\n%b\r\n" % (delimiter, part) for part in parts) + delimiter + b"--\r\n"


def unjudged(_fields: list[tuple[str, str]]) -> None:
    """Find nothing wrong."""


async def received(chunks: AsyncIterator[bytes], judge: Judge = unjudged) -> Upload:
    """Receive a form of at most so many bytes of fields."""
    return await receive(chunks, BOUNDARY, judge, field_bytes=FIELD_BYTES)


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
    """However the network cuts a body, the same fields and the same file come out."""
    with closing(await received(pieces(body(fields, file), cuts))) as upload:
        assert upload.fields == fields
        upload.file.seek(0)
        assert upload.file.read() == file


async def test_every_cut() -> None:
    """A body that is cut once, wherever that is, is the same body."""
    whole = body([("model", "m"), ("prompt", "é")], b"\r\n--b0undar\r\r\n")
    for cut in range(len(whole)):
        with closing(await received(pieces(whole, [cut]))) as upload:
            assert upload.fields == [("model", "m"), ("prompt", "é")]


async def test_a_large_file_is_spooled() -> None:
    """A file of more than a mebibyte is on disk, not in memory."""
    large = bytes(2 << 20)

    with closing(await received(pieces(body([], large), [1000]))) as upload:
        upload.file.seek(0)
        assert upload.file.read() == large
        assert upload.file._rolled


@pytest.mark.parametrize("cut", [0, 1, 40, 100, -4, -8])
async def test_a_body_that_ends_early(cut: int) -> None:
    """A body without its end is refused, not taken for what had come."""
    whole = body([("model", "m")], b"audio" * 20)

    with pytest.raises(InvalidParameter, match="no multipart form"):
        await received(pieces(whole[:cut], []))


async def test_fields_that_are_too_large() -> None:
    """A megabyte of fields is too much, however many they are."""
    for fields in ([("prompt", "a" * (FIELD_BYTES + 1))], [("prompt", "a" * 2000)] * 600):
        whole = body(fields, b"")

        with pytest.raises(InvalidParameter, match=f"more than {FIELD_BYTES} bytes") as refusal:
            await received(pieces(whole, [1 << 20]))

        assert refusal.value.param == "prompt"


async def test_names_count_as_fields() -> None:
    """So do their names: what is held is bounded, not what is said."""
    whole = body([("a" * 100, "")] * 999, b"")

    with pytest.raises(InvalidParameter, match="more than 50000 bytes"):
        await receive(pieces(whole, []), BOUNDARY, unjudged, field_bytes=50_000)


async def test_a_name_that_is_too_long() -> None:
    """A name of kilobytes is refused, and not repeated."""
    whole = body([("a" * 2000, "1")], None)

    with pytest.raises(InvalidParameter, match="128 characters") as refusal:
        await received(pieces(whole, []))

    assert len(str(refusal.value)) < 100


async def test_headers_that_are_too_large() -> None:
    """A part with a header of kilobytes, or with many, is no part of a form."""
    for more in (b"x: " + b"a" * 5000, b"\r\n".join([b"x: y"] * 10)):
        whole = body([("model", "m")], None).replace(b'"model"', b'"model"\r\n' + more)

        with pytest.raises(InvalidParameter, match="no multipart form"):
            await received(pieces(whole, [100]))


class Full(io.FileIO):
    """A file on a disk that is full; it knows whether it was closed."""

    made: ClassVar[list["Full"]] = []

    def __init__(self, **_: object) -> None:
        super().__init__("/dev/full", "r+")
        self.made.append(self)


async def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that finds no room is refused for now, and closed."""
    monkeypatch.setattr(form, "SpooledTemporaryFile", Full)
    whole = body([], bytes(3 << 20))

    with pytest.raises(StorageFull) as refusal:
        await received(pieces(whole, [1 << 20, 2 << 20]))

    failure, _ = describe(refusal.value)
    assert failure.status == 503
    assert int(failure.headers["retry-after"]) > 0
    assert Full.made.pop().closed


async def test_leaving_while_the_disk_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that leaves in the middle of a write does not have the file closed under it."""
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

    monkeypatch.setattr(form, "SpooledTemporaryFile", Slow)
    receiving = asyncio.create_task(received(pieces(body([], bytes(3 << 20)), [2 << 20])))
    assert await asyncio.to_thread(begun.wait, 60)

    receiving.cancel()
    go_on.set()

    with pytest.raises(asyncio.CancelledError):
        await receiving
    assert outcomes == ["written", "closed"]


async def test_too_many_parts() -> None:
    """A form of thousands of parts is no form of ours."""
    whole = body([("a", "")] * 2000, b"")

    with pytest.raises(InvalidParameter, match="no multipart form"):
        await received(pieces(whole, []))


async def test_two_files() -> None:
    """Only one file is transcribed."""
    whole = body([("file", "a")], b"b")

    with pytest.raises(InvalidParameter, match="Only one `file`"):
        await received(pieces(whole, []))


async def test_a_field_that_is_not_utf8() -> None:
    """A field whose bytes are no text is refused by name, not transcribed with other letters."""
    whole = body([("prompt", "@")], None).replace(b"@", b"caf\xe9")

    with pytest.raises(InvalidParameter, match="not UTF-8") as refusal:
        await received(pieces(whole, []))

    assert refusal.value.param == "prompt"


# ── judged on the way ─────────────────────────────────────────────────────────

HEAD = b'Content-Disposition: form-data; name="%b"\r\n\r\n'


async def never_further(*pieces: bytes) -> AsyncIterator[bytes]:
    """Yield *pieces*; fail the test if any more is wanted."""
    for piece in pieces:
        yield piece
    pytest.fail("the body was read on")


async def test_a_refusal_ends_the_reading() -> None:
    """What the fields before the file are refused for is raised before the file is read."""
    whole = body([("model", "nope")], b"audio")
    until_the_file = whole[: whole.index(b"audio")]

    def judge(fields: list[tuple[str, str]]) -> None:
        raise InvalidParameter(f"refused: {fields}")

    with pytest.raises(InvalidParameter, match=r"refused: \[\('model', 'nope'\)\]"):
        await received(never_further(until_the_file), judge)


async def test_the_judge_sees_what_came_before_the_file() -> None:
    """Fields after the file come too late for the early judgement, and are kept for the next."""
    file, later = HEAD % b"file" + b"audio", HEAD % b"prompt" + b"late"
    first = body([("model", "m")], None).removesuffix(f"--{BOUNDARY}--\r\n".encode())
    rest = b"".join(f"--{BOUNDARY}\r\n".encode() + part + b"\r\n" for part in (file, later))
    whole = first + rest + f"--{BOUNDARY}--\r\n".encode()
    seen: list[list[tuple[str, str]]] = []

    def judge(fields: list[tuple[str, str]]) -> None:
        seen.append(list(fields))

    with closing(await received(pieces(whole, []), judge)) as upload:
        assert seen == [[("model", "m")]]
        assert upload.fields == [("model", "m"), ("prompt", "late")]


async def test_no_file_is_not_judged_here() -> None:
    """A form without a file has nothing to be judged before: its fields come back."""
    whole = body([("model", "m")], None)
    seen: list[object] = []

    upload = await received(pieces(whole, []), seen.append)

    assert (upload.fields, upload.file, seen) == ([("model", "m")], None, [])
