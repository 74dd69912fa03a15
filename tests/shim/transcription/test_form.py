"""Forms: bytes in any pieces into fields and a file, fields into a form."""

from collections.abc import AsyncIterator
from contextlib import closing
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shim.errors import InvalidParameter
from shim.transcription.form import parse, receive
from shim.transcription.protocol import TranscriptionForm

BOUNDARY = "b0undary"

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
    with closing(await receive(pieces(body(fields, file), cuts), BOUNDARY)) as upload:
        found = [(name, value) for name, many in upload.fields.items() for value in many]
        assert sorted(found) == sorted(fields)
        upload.file.seek(0)
        assert upload.file.read() == file


async def test_every_cut() -> None:
    """A body that is cut once, wherever that is, is the same body."""
    whole = body([("model", "m"), ("prompt", "é")], b"\r\n--b0undar\r\r\n")
    for cut in range(len(whole)):
        with closing(await receive(pieces(whole, [cut]), BOUNDARY)) as upload:
            assert upload.fields == {"model": ["m"], "prompt": ["é"]}


async def test_a_large_file_is_spooled() -> None:
    """A file of more than a mebibyte is on disk, not in memory."""
    large = bytes(2 << 20)

    with closing(await receive(pieces(body([], large), [1000]), BOUNDARY)) as upload:
        upload.file.seek(0)
        assert upload.file.read() == large
        assert upload.file._rolled


@pytest.mark.parametrize("cut", [0, 1, 40, 100, -4, -8])
async def test_a_body_that_ends_early(cut: int) -> None:
    """A body without its end is refused, not taken for what had come."""
    whole = body([("model", "m")], b"audio" * 20)

    with pytest.raises(InvalidParameter, match="no multipart form"):
        await receive(pieces(whole[:cut], []), BOUNDARY)


async def test_a_field_that_is_too_large() -> None:
    """A megabyte of prompt is none."""
    whole = body([("prompt", "a" * (2 << 20))], b"")

    with pytest.raises(InvalidParameter, match="`prompt` is too large"):
        await receive(pieces(whole, [1 << 20]), BOUNDARY)


async def test_too_many_parts() -> None:
    """A form of thousands of parts is no form of ours."""
    whole = body([("a", "")] * 2000, b"")

    with pytest.raises(InvalidParameter, match="no multipart form"):
        await receive(pieces(whole, []), BOUNDARY)


async def test_two_files() -> None:
    """Only one file is transcribed."""
    whole = body([("file", "a")], b"b")

    with pytest.raises(InvalidParameter, match="Only one `file`"):
        await receive(pieces(whole, []), BOUNDARY)


# ── fields → form ─────────────────────────────────────────────────────────────


def form(**fields: list[str]) -> TranscriptionForm:
    """Parse *fields* and a model."""
    return parse({"model": ["m"], **fields})


def test_defaults() -> None:
    """A form of empty strings is a form of nothing."""
    names = set(TranscriptionForm.__struct_fields__) - {"model"}

    assert parse({"model": ["m"], **{name: [""] for name in names}}) == TranscriptionForm(model="m")


def test_values() -> None:
    """Numbers and booleans arrive as text."""
    found = form(temperature=["0.5"], stream=["true"], language=["en"], prompt=["a", "b"])

    assert found == TranscriptionForm(
        model="m", temperature=0.5, stream=True, language="en", prompt="b"
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"timestamp_granularities[]": ["word", "segment"]},
        {"timestamp_granularities": ["word", "segment"]},
        {"timestamp_granularities[0]": ["word"], "timestamp_granularities[1]": ["segment"]},
        {"timestamp_granularities[]": ["word"], "timestamp_granularities": ["segment"]},
    ],
)
def test_lists(fields: dict[str, list[str]]) -> None:
    """A list is a list whatever its brackets."""
    assert form(**fields).timestamp_granularities == ["word", "segment"]


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"model": []}, "model", "Missing required parameter: 'model'."),
        ({"temperature": ["x"]}, "temperature", "Expected 'float | null', got 'str'."),
        ({"temperature": ["nan"]}, "temperature", "Invalid value for 'temperature'"),
        ({"response_format": ["xml"]}, "response_format", "Invalid enum value 'xml'."),
        (
            {"timestamp_granularities[]": ["word", "x"]},
            "timestamp_granularities[1]",
            "Invalid enum value 'x'.",
        ),
    ],
)
def test_invalid(fields: dict[str, list[str]], param: str, message: str) -> None:
    """A wrong value is refused by its field, without backticks."""
    with pytest.raises(InvalidParameter) as refusal:
        form(**fields)

    assert refusal.value.param == param
    assert message in str(refusal.value)
    assert "`" not in str(refusal.value)


async def test_a_field_that_is_not_utf8() -> None:
    """A field whose bytes are no text is refused by name, not transcribed with other letters."""
    whole = body([("prompt", "@")], None).replace(b"@", b"caf\xe9")

    with pytest.raises(InvalidParameter, match="not UTF-8") as refusal:
        await receive(pieces(whole, []), BOUNDARY)

    assert refusal.value.param == "prompt"
