"""Many recordings in one request: a list of answers, each as that of a request of its own."""

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live import CLIPS, KEY, LiveServer, serving

CLIP_FILES = sorted(CLIPS.glob("*.flac"))[:4]
UNREADABLE = b"\xff\xfe\xfd"


def encoded(recording: bytes) -> str:
    """Return *recording* as the body has it."""
    return base64.b64encode(recording).decode()


async def read(http: httpx.AsyncClient, files: Any, **fields: Any) -> httpx.Response:
    """Send *files* as they are."""
    return await http.post("audio/transcriptions", json={"files": files, **fields})


async def read_singly(http: httpx.AsyncClient, file: str, **fields: Any) -> httpx.Response:
    """Send the same as a request of its own."""
    return await http.post("audio/transcriptions", json={"file": file, **fields})


async def alone(http: httpx.AsyncClient, files: Sequence[str], **fields: Any) -> list[Any]:
    """Return what the list of answers has to be, made of requests with one of *files* each."""
    items = []
    for index, file in enumerate(files):
        answer = await read_singly(http, file, **fields)
        if answer.status_code == 200:
            is_json = answer.headers["content-type"].startswith("application/json")
            items.append({"index": index, **(answer.json() if is_json else {"text": answer.text})})
        else:
            error = answer.json()["error"]
            place = f"files[{index}]"
            error = {
                **error,
                "param": place,
                "message": error["message"].replace("`file`", f"`{place}`"),
            }
            items.append({"index": index, "status": answer.status_code, "error": error})
    return items


def without_kinds(answer: httpx.Response) -> list[Any]:
    """Return the items of *answer* without `object`, which a single answer does not have."""
    assert answer.json()["object"] == "list"
    return [
        {name: value for name, value in item.items() if name != "object"}
        for item in answer.json()["data"]
    ]


@pytest.mark.parametrize("format_", ["json", "verbose_json", "text", "srt", "vtt"])
async def test_like_single_requests(http: httpx.AsyncClient, format_: str) -> None:
    """Each item is the answer to a request of its own, in its place; so is each error."""
    files = [encoded(b"one\ntwo"), encoded(UNREADABLE), encoded(b"three"), "%%", ""]
    fields = {"model": "lines", "response_format": format_, "language": "de"}

    answer = await read(http, files, **fields)

    assert answer.status_code == 200
    assert without_kinds(answer) == await alone(http, files, **fields)
    assert "x-shim-manifest" in answer.headers


async def test_real_clips(builtin_http: httpx.AsyncClient) -> None:
    """Real clips in several formats and a broken one, in a body that a child process decodes."""
    clips = [clip.read_bytes() for clip in CLIP_FILES]
    files = [encoded(clip) for clip in (*clips, clips[0][:2000], b"noise" * 30_000)]
    fields = {"model": "toy-speech", "response_format": "verbose_json", "temperatures": 0}

    answer = await read(builtin_http, files, **fields)

    found = without_kinds(answer)
    assert found == await alone(builtin_http, files, **fields)
    assert ["error" in item for item in found] == [False] * 4 + [True, True]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"files": []}, "files"),
        ({"files": "aGk="}, "files"),
        ({"files": ["aGk="], "file": "aGk="}, "files"),
        ({"files": ["aGk="] * 65}, "files"),
        ({"files": ["aGk=", 1]}, "files[1]"),
        ({"files": ["aGk=", {}]}, "files[1].file"),
        ({"files": ["aGk="], "stream": True}, "stream"),
        ({"files": ["aGk="], "language": "klingon"}, "language"),
    ],
    ids=str,
)
async def test_refusals(http: httpx.AsyncClient, body: dict[str, Any], param: str) -> None:
    """A request that is wrong as a whole is a 400 that names the field."""
    answer = await http.post("audio/transcriptions", json={"model": "lines", **body})

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_translations(http: httpx.AsyncClient) -> None:
    """The other route takes lists too."""
    answer = await http.post("audio/translations", json={"files": [encoded(b"eins")] * 2})

    assert [item["text"] for item in answer.json()["data"]] == ["eins", "eins"]


async def test_a_dead_engine(http: httpx.AsyncClient) -> None:
    """A failure of the server is that of the whole request, so that clients send it again."""
    answer = await read(http, [encoded(b"a\nb\nc"), encoded(b"a")], model="dying-speech")

    assert answer.status_code == 503
    assert "retry-after" in answer.headers


# ── the queue ─────────────────────────────────────────────────────────────────

CONFIG = f"""
[server]
api_keys = ["{KEY}"]
[[models]]
id = "narrow"
backend = "fake"
source = "speech"
max_running = 2
max_waiting = 2
"""


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve a model whose queue holds four."""
    file: Path = tmp_path_factory.mktemp("narrow") / "shim.toml"
    file.write_text(CONFIG)
    with serving("--config", str(file)) as live:
        yield live


async def test_each_takes_a_place(narrow: LiveServer) -> None:
    """As many as run and wait together are answered and counted; more are refused at once."""
    headers = {"authorization": f"Bearer {KEY}"}
    files = [encoded(b"one"), encoded(b"two"), encoded(UNREADABLE), encoded(b"three")]
    async with httpx.AsyncClient(base_url=narrow.base_url, headers=headers) as http:
        most = await read(http, files)
        more = await read(http, [*files, files[0]])
        metrics = (await http.get(f"{narrow.url}/metrics")).text

    assert [item.get("text") for item in most.json()["data"]] == ["one", "two", None, "three"]
    assert (more.status_code, more.json()["error"]["param"]) == (400, "files")
    counted = 'shim_requests_total{model="narrow",route="transcriptions",status='
    assert f'{counted}"200"}} 3.0' in metrics
    assert f'{counted}"400"}} 1.0' in metrics
