"""Recordings that a JSON body names: by a URL, or by the id of an uploaded file."""

import base64
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from openai import OpenAI

from tests.client.conftest import OTHER_KEY
from tests.live import KEY, LiveServer, serving
from tests.websites import Site, serving_site

SPOKEN = b"good morning " * 30_000
DATA_URL = f"data:;base64,{base64.b64encode(SPOKEN).decode()}"

CONFIG = f"""
[server]
api_keys = ["{KEY}", "{OTHER_KEY}"]
allowed_media_hosts = ["127.0.0.1"]
[[models]]
id = "lines"
backend = "fake"
source = "speech"
"""


@pytest.fixture(scope="module")
def naming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve a model that reads lines, with URLs of this machine, and files."""
    folder = tmp_path_factory.mktemp("naming")
    file = folder / "shim.toml"
    file.write_text(CONFIG)
    with serving("--config", str(file), SHIM_BATCHES_DIRECTORY=str(folder / "batches")) as live:
        yield live


@pytest.fixture
async def naming_http(naming: LiveServer) -> AsyncIterator[httpx.AsyncClient]:
    """Send bytes of our own."""
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=naming.base_url, headers=headers) as http:
        yield http


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Serve a recording at a URL."""
    async with serving_site(SPOKEN) as site:
        yield site


async def test_a_url(naming_http: httpx.AsyncClient, site: Site) -> None:
    """A recording at an allowed URL is fetched, also as one of many; an error is its own."""
    url = f"http://127.0.0.1:{site.port}"

    one = await naming_http.post("audio/transcriptions", json={"file_url": f"{url}/a.wav"})
    many = await naming_http.post(
        "audio/transcriptions",
        json={"files": [{"file_url": f"{url}/{name}"} for name in ("a", "gone")]},
    )
    within = await naming_http.post("audio/transcriptions", json={"file_url": DATA_URL})
    gone = await naming_http.post("audio/transcriptions", json={"file_url": f"{url}/gone"})

    assert one.json() == within.json()
    assert one.json()["text"].startswith("good morning good morning")
    found, missing = many.json()["data"]
    assert found["text"] == one.json()["text"]
    assert (missing["status"], missing["error"]["param"]) == (400, "files[1].file_url")
    assert (gone.status_code, gone.json()["error"]["param"]) == (400, "file_url")
    assert gone.json()["error"]["message"].endswith("its host answered with status 404.")


async def test_a_file(naming: LiveServer, naming_http: httpx.AsyncClient) -> None:
    """An uploaded file is transcribed as if it came with the request, for its own key only."""
    with OpenAI(api_key=KEY, base_url=naming.base_url) as client:
        file = client.files.create(file=("a.wav", SPOKEN), purpose="user_data")
    body = {"file_id": file.id}
    many = {"files": [{"file_id": file.id}, {"file_id": "file-none"}]}
    other = {"authorization": f"Bearer {OTHER_KEY}"}

    alone = await naming_http.post("audio/transcriptions", json=body)
    listed = await naming_http.post("audio/transcriptions", json=many)
    others = await naming_http.post("audio/transcriptions", json=body, headers=other)
    sent = await naming_http.post("audio/transcriptions", json={"file_url": DATA_URL})

    assert alone.json() == sent.json()
    found, missing = listed.json()["data"]
    assert found["text"] == alone.json()["text"]
    assert (missing["status"], missing["error"]["param"]) == (404, "files[1].file_id")
    assert (others.status_code, others.json()["error"]["param"]) == (404, "file_id")


@pytest.mark.parametrize("way", ["file_id", "file_url"])
async def test_an_unreadable_recording(
    naming: LiveServer, naming_http: httpx.AsyncClient, way: str
) -> None:
    """What the engine finds wrong with a recording is said of the field that names it."""
    with OpenAI(api_key=KEY, base_url=naming.base_url) as client:
        file = client.files.create(file=("a.wav", b"\xff"), purpose="user_data")
    body = {way: {"file_id": file.id, "file_url": "data:;base64,/w=="}[way]}

    answer = await naming_http.post("audio/transcriptions", json=body)

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, way)


async def test_no_files(http: httpx.AsyncClient) -> None:
    """Unless files are switched on an id is refused, by the name of the setting."""
    answer = await http.post("audio/transcriptions", json={"file_id": "file-1"})

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file_id")
    assert "[batches] directory" in answer.json()["error"]["message"]


async def test_no_hosts(http: httpx.AsyncClient) -> None:
    """Unless hosts are allowed no URL is fetched, and the refusal names the setting."""
    answer = await http.post("audio/transcriptions", json={"file_url": "http://127.0.0.1:1/a"})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "file_url"
    assert "allowed_media_hosts" in answer.json()["error"]["message"]
