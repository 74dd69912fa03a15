"""Forms as OpenAI's clients, old and new, and others write them."""

from typing import Any

import httpx
import pytest

FILE = {"file": ("upload", b"good morning", "application/octet-stream")}

SEGMENTS, WORDS = {"segments"}, {"words"}


async def posted(http: httpx.AsyncClient, form: dict[str, Any], **options: Any) -> httpx.Response:
    """Send *form* with a file to the fake model for speech."""
    fields = {"model": "lines", **form}
    return await http.post("audio/transcriptions", **{"data": fields, "files": FILE, **options})


@pytest.mark.parametrize(
    ("form", "present"),
    [
        ({}, SEGMENTS),
        ({"timestamp_granularities[]": "word"}, WORDS),
        ({"timestamp_granularities[]": ["word"]}, WORDS),
        ({"timestamp_granularities[]": ["word", "segment"]}, SEGMENTS | WORDS),
        ({"timestamp_granularities": "word"}, WORDS),
        ({"timestamp_granularities": ["word", "segment"]}, SEGMENTS | WORDS),
        ({"timestamp_granularities[0]": "word", "timestamp_granularities[1]": "segment"}, None),
        ({"timestamp_granularities[]": ""}, SEGMENTS),
    ],
)
async def test_lists(
    http: httpx.AsyncClient, form: dict[str, Any], present: set[str] | None
) -> None:
    """Lists are called with brackets or without, and hold one value or several."""
    answer = await posted(http, {"response_format": "verbose_json", **form})

    assert answer.status_code == 200
    assert answer.json().keys() & (SEGMENTS | WORDS) == (present or SEGMENTS | WORDS)


async def test_empty_strings_are_absent(http: httpx.AsyncClient) -> None:
    """The empty string is what the stock client sends for a field that is not set."""
    names = ("prompt", "language", "temperature", "response_format", "include[]", "stream")

    answer = await posted(http, dict.fromkeys(names, ""))

    assert answer.status_code == 200
    assert answer.json()["text"] == "good morning"


async def test_unknown_fields_are_ignored(http: httpx.AsyncClient) -> None:
    """A field that OpenAI has not is no reason to refuse."""
    form = {"user": "x", "extra[deep][er]": "1", "x[]": ["1", "2"], "a]": "b"}

    assert (await posted(http, form)).status_code == 200


async def test_both_paths_of_both_endpoints(http: httpx.AsyncClient) -> None:
    """A base URL without `/v1` serves as well."""
    fields = {"data": {"model": "lines"}, "files": FILE}

    answers = [
        await http.post(http.base_url.join(f"{root}/audio/{name}"), **fields)
        for root in ("/v1", "")
        for name in ("transcriptions", "translations")
    ]

    assert [answer.json()["text"] for answer in answers] == ["good morning"] * 4


@pytest.mark.parametrize("language", ["de", "DE", "german", "German"])
async def test_languages(http: httpx.AsyncClient, language: str) -> None:
    """A language goes by its code or its name, and comes back with its full name."""
    answer = await posted(http, {"language": language, "response_format": "verbose_json"})

    assert answer.json()["language"] == "german"


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": "2"}, "temperature"),
        ({"response_format": "yaml"}, "response_format"),
        ({"timestamp_granularities[]": "letter"}, "timestamp_granularities[0]"),
        ({"chunking_strategy[type]": "client_vad"}, "chunking_strategy.type"),
        ({"include[]": "tokens"}, "include[0]"),
        ({"include[]": "logprobs", "response_format": "text"}, "include"),
        ({"languages[]": ["de", "klingon"]}, "languages"),
        ({"known_speaker_names[]": ["a", "b"]}, "known_speaker_names"),
        ({"stream": "maybe"}, "stream"),
        ({"stream": "true", "response_format": "srt"}, "response_format"),
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"model": ["lines", "lines"]}, "model"),
        ({"beam_size": "0"}, "beam_size"),
        ({"engine[beams]": "1"}, "engine[beams]"),
        ({"engine": "fast", "engine[beam_size]": "1"}, "engine"),
    ],
)
async def test_refusals(http: httpx.AsyncClient, form: dict[str, Any], param: str) -> None:
    """What is wrong, or cannot be honoured, is refused by name."""
    answer = await posted(http, form)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


async def test_no_model(http: httpx.AsyncClient) -> None:
    """A form without a model says so."""
    for fields in ({}, {"model": ""}):
        answer = await http.post("audio/transcriptions", data=fields, files=FILE)

        assert answer.status_code == 400
        assert answer.json()["error"]["message"] == "Missing required parameter: 'model'."
        assert answer.json()["error"]["param"] == "model"


async def test_no_file(http: httpx.AsyncClient) -> None:
    """A form without a file says so."""
    answer = await posted(http, {}, files={"other": b"a"})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "file"


async def test_two_files(http: httpx.AsyncClient) -> None:
    """Which of two files is meant is not guessed."""
    answer = await posted(http, {}, files=[("file", b"a"), ("file", b"b")])

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "file"


async def test_the_file_may_come_first(http: httpx.AsyncClient) -> None:
    """The order of the parts does not matter."""
    parts = [("file", ("a", b"good morning")), ("model", (None, b"lines"))]

    answer = await posted(http, {}, data=None, files=parts)

    assert answer.json()["text"] == "good morning"


@pytest.mark.parametrize(
    ("content_type", "content", "status"),
    [
        ("application/json", b"", 400),
        ("application/json", b"{}", 400),
        ("application/json", b"[]", 400),
        ("application/json; charset=utf-8", b"{", 400),
        ("application/json", b'{"file": "\\ud800"}', 400),
        ("application/json", b'{"file": "", "prompt": ' + b"[" * 60_000, 400),
        ("application/json", b" " * 70_000, 413),
        ("text/plain", b"hello", 415),
        ("application/x-www-form-urlencoded", b"model=lines", 415),
        ("multipart/form-data", b"--a--", 415),
        ("multipart/form-data; boundary=a", b"", 400),
        ("multipart/form-data; boundary=a", b"nonsense", 400),
        ("multipart/form-data; boundary=a", b"--a\r\nbroken\r\n", 400),
        ("multipart/form-data; boundary=" + "a" * 3000, b"--a--", 400),
    ],
)
async def test_bodies_that_are_no_form(
    http: httpx.AsyncClient, content_type: str, content: bytes, status: int
) -> None:
    """What is neither a multipart form nor such JSON is refused as that."""
    headers = {"content-type": content_type}

    answer = await http.post("audio/transcriptions", content=content, headers=headers)

    assert answer.status_code == status
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}


# ── bytes that nobody needs ───────────────────────────────────────────────────


def raw(*parts: tuple[bytes, bytes]) -> dict[str, Any]:
    """Return a form of parts: what follows `form-data; ` in the head of each, and its content."""
    head = b"--b0\r\nContent-Disposition: form-data; "
    body = b"".join(head + begin + b"\r\n\r\n" + content + b"\r\n" for begin, content in parts)
    headers = {"content-type": "multipart/form-data; boundary=b0"}
    return {"content": body + b"--b0--\r\n", "headers": headers}


MODEL = (b'name="model"', b"lines")
SPEECH = (b'name="file"; filename="a.wav"', b"good morning")


@pytest.mark.parametrize(
    "name",
    ["запись.wav".encode("cp1251"), "é".encode("latin-1"), b"", b"\xff\xfe", b"../a", b"x" * 9000],
)
@pytest.mark.parametrize("task", ["transcriptions", "translations"])
async def test_names_of_files(http: httpx.AsyncClient, name: bytes, task: str) -> None:
    """A file may have a name in any code page."""
    file = (b'name="file"; filename="%b"' % name, b"good morning")

    answer = await http.post(f"audio/{task}", **raw(MODEL, file))

    assert (answer.status_code, answer.json()["text"]) == (200, "good morning")


@pytest.mark.parametrize(
    "part",
    [
        (b'name="cover"; filename="a.png"', b"\x89PNG\xff" * 400_000),
        (b'name="cover"', b"\x89PNG\xff"),
        (b'name="\xef\xee\xeb\xe5"', b"1"),
        (b'name="note"\r\nContent-Type: text/plain; charset=klingon', b"1"),
    ],
    ids=range(4),
)
async def test_a_part_that_nobody_needs(http: httpx.AsyncClient, part: Any) -> None:
    """It is ignored before and after the file; strictly it is refused by its name."""
    for parts in ((MODEL, part, SPEECH), (MODEL, SPEECH, part)):
        body = raw(*parts)
        lenient = await http.post("audio/transcriptions", **body)
        body["headers"]["x-shim-strict"] = "true"
        strict = await http.post("audio/transcriptions", **body)

        assert lenient.json()["text"] == "good morning"
        name = part[0].split(b'"')[1].decode(errors="backslashreplace")
        assert (strict.status_code, strict.json()["error"]["param"]) == (400, name)


@pytest.mark.parametrize("name", [b"audio", b"recording", b"file[]", b"files", b"data"])
async def test_the_recording_under_another_name(http: httpx.AsyncClient, name: bytes) -> None:
    """A recording that is not `file` is a missing one, small or large."""
    for size in (100, 3_000_000):
        other = (b'name="%b"; filename="a.wav"' % name, b"RIFF\xff" * (size // 5))
        answer = await http.post("audio/transcriptions", **raw(MODEL, other))

        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == "file"
        assert "Missing required parameter: 'file'" in answer.json()["error"]["message"]


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", "cp1251"])
async def test_a_charset(http: httpx.AsyncClient, charset: str) -> None:
    """The charset that a part declares is that of its text."""
    head = f'name="model"\r\nContent-Type: text/plain; charset={charset}'.encode()

    answer = await http.post("audio/transcriptions", **raw((head, "lines".encode(charset)), SPEECH))

    assert (answer.status_code, answer.json()["text"]) == (200, "good morning")


async def test_a_charset_that_is_none(http: httpx.AsyncClient) -> None:
    """An unknown one is named."""
    prompt = (b'name="prompt"\r\nContent-Type: text/plain; charset=klingon', b"a")

    error = (await http.post("audio/transcriptions", **raw(MODEL, prompt, SPEECH))).json()["error"]

    assert error["param"] == "prompt"
    assert "klingon" in error["message"]
