"""Recordings within JSON: the base64 that is accepted, and the bodies that are refused."""

import base64
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shim.api.transcription import json_body
from shim.api.transcription.json_body import Link, Source, Split, Stored
from shim.errors import InvalidParameter
from shim.limits import Limits

split = partial(json_body.split, field_bytes=Limits().field_bytes, files=3)

AUDIO = bytes(range(256))
ENCODED = base64.b64encode(AUDIO).decode()


def content(body: Any) -> bytes:
    """Return the only recording of *body*."""
    [source] = split(body).sources
    assert isinstance(source.content, bytes)
    return source.content


@pytest.mark.parametrize(
    "file",
    [
        ENCODED,
        base64.encodebytes(AUDIO).decode(),
        base64.encodebytes(AUDIO).decode().replace("\n", "\r\n"),
        f"  {ENCODED}\t\n",
        f"data:audio/wav;base64,{ENCODED}",
        f"data:audio/wav;codecs=1;base64,{ENCODED}",
        f"data:;base64,{ENCODED}",
        f"data:audio/wav;base64,\n{base64.encodebytes(AUDIO).decode()}",
    ],
    ids=["plain", "lines", "CRLF", "margins", "URL", "codecs", "no type", "URL with lines"],
)
def test_spellings(file: str) -> None:
    """Base64 may have line breaks, or be a data: URL."""
    found = split({"file": file, "stream": False})

    assert found == Split({"stream": False}, [Source("file", AUDIO)], listed=False)


def test_an_empty_recording() -> None:
    """An empty text is an empty recording, which the decoder then refuses."""
    assert content({"file": ""}) == b""


def test_the_body_stays_as_it_is() -> None:
    """The body that is passed in is not changed."""
    body = {"file": ENCODED, "model": "m"}

    split(body)

    assert body == {"file": ENCODED, "model": "m"}


@pytest.mark.parametrize("body", [None, [], "file", 1, [{"file": ENCODED}]], ids=str)
def test_other_bodies(body: Any) -> None:
    """A body other than an object is refused."""
    with pytest.raises(InvalidParameter, match="JSON object") as refusal:
        split(body)

    assert refusal.value.param is None


@pytest.mark.parametrize("body", [{}, {"file": None}, {"File": ENCODED}], ids=str)
def test_no_file(body: Any) -> None:
    """A body without a file is refused by that name."""
    with pytest.raises(InvalidParameter) as refusal:
        split(body)

    assert str(refusal.value) == "Missing required parameter: 'file'."
    assert refusal.value.param == "file"


@pytest.mark.parametrize(
    "file",
    [
        1,
        [ENCODED],
        {"data": ENCODED},
        True,
        "not base64!",
        "http://example.org/a.wav",
        "A",
        "=AAA",
        "ÄÄÄÄ",
        f"data:audio/wav,{ENCODED}",
        "data:;base64,%%%",
        "data:",
    ],
    ids=lambda file: str(file)[:24],
)
def test_other_texts(file: Any) -> None:
    """Other texts are refused: no character is skipped or guessed."""
    with pytest.raises(InvalidParameter) as refusal:
        split({"file": file})

    assert refusal.value.param == "file"


@pytest.mark.parametrize("file", ["AAA", "AAA=", "AA-_", "AA+/"])
def test_other_alphabet(file: str) -> None:
    """The alphabet that is safe in URLs, without padding, gives the same bytes."""
    assert content({"file": file}) == base64.urlsafe_b64decode(
        file.replace("+", "-").replace("/", "_").ljust(4, "=")
    )


@given(audio=st.binary(max_size=200), width=st.integers(1, 80))
@example(audio=b"\xfb\xff", width=1)
def test_any_recording(audio: bytes, width: int) -> None:
    """Any bytes come back, with line breaks at any place."""
    letters = base64.b64encode(audio).decode()
    lines = "\n".join(letters[at : at + width] for at in range(0, len(letters), width))

    assert content({"file": lines}) == audio


@given(file=st.text(max_size=40) | st.text("data:;base64,AB=\n", max_size=24))
def test_any_text(file: str) -> None:
    """Any text is a recording or the client's fault."""
    try:
        audio = content({"file": file})
    except InvalidParameter as refusal:
        assert refusal.param == "file"  # noqa: PT017
    else:
        assert len(audio) * 4 <= len(file) * 3


def test_large_fields() -> None:
    """The fields beside the recording have a limit of their own."""
    body = {"file": ENCODED, "prompt": "a" * 100}

    assert split(body, field_bytes=113).fields == {"prompt": "a" * 100}
    with pytest.raises(InvalidParameter, match="more than 112 bytes"):
        split(body, field_bytes=112)


# ── many ──────────────────────────────────────────────────────────────────────


def test_many() -> None:
    """Each has its place; one that is not base64 is an error of its own, which names it."""
    found = split({"files": [ENCODED, "%", f"data:;base64,{ENCODED}"], "model": "m"})

    assert (found.fields, found.listed) == ({"model": "m"}, True)
    assert [source.place for source in found.sources] == ["files[0]", "files[1]", "files[2]"]
    first, second, third = (source.content for source in found.sources)
    assert first == third == AUDIO
    assert isinstance(second, InvalidParameter)
    assert (second.param, str(second)[:25]) == ("files[1]", "`files[1]` is not base64:")


def test_names_of_recordings() -> None:
    """A recording may be named by the id of a file or by a URL, alone and in a list."""
    url = {"file_url": f"data:;base64,{ENCODED}"}

    found = split({"files": [{"file": ENCODED}, {"file_id": "file-1"}, {"file_url": "http://a/b"}]})

    assert split(url).sources == [Source("file_url", AUDIO)]
    assert split({"file_id": "file-1"}).sources == [Source("file_id", Stored("file-1"))]
    assert found.sources == [
        Source("files[0].file", AUDIO),
        Source("files[1].file_id", Stored("file-1")),
        Source("files[2].file_url", Link("http://a/b")),
    ]


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ({"files": []}, "files", "must be a list of recordings"),
        ({"files": ENCODED}, "files", "must be a list of recordings"),
        ({"files": {"0": ENCODED}}, "files", "must be a list of recordings"),
        ({"files": [ENCODED] * 4}, "files", "has 4 items, more than the 3 allowed"),
        ({"files": [ENCODED, 1]}, "files[1]", "must be a string"),
        ({"files": [None]}, "files[0]", "must be a string"),
        ({"files": [ENCODED], "file": ENCODED}, "files", "Only one of `file` and `files` can be"),
        ({"files": [{}]}, "files[0].file", "Missing required parameter"),
        ({"files": [{"file": 1}]}, "files[0].file", "must be a string"),
        ({"files": [{"path": "a"}]}, "files[0]", "has no field `path`"),
        (
            {"files": [{"file_id": "f", "file_url": "u"}]},
            "files[0].file_url",
            "Only one of `files\\[0\\].file_id` and",
        ),
        ({"file_id": "f", "file_url": "u"}, "file_url", "Only one of"),
        ({"file_id": 1}, "file_id", "`file_id` must be a string"),
        ({"file_url": "http://" + "a" * 9000}, "file_url", "more than 8192 characters"),
        ({"files": None}, "file", "Missing required parameter: 'file'"),
    ],
    ids=str,
)
def test_other_lists(body: Any, param: str, message: str) -> None:
    """What is no list of texts within the limit is refused as a whole."""
    with pytest.raises(InvalidParameter, match=message) as refusal:
        split(body)

    assert refusal.value.param == param
