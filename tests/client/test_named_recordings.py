"""Recordings that a JSON body names: by a URL, or by the id of an uploaded file."""

import base64
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.live import KEY, LiveServer, serving
from tests.websites import Site, serving_site

SPOKEN = b"good morning " * 30_000

CONFIG = f"""
[server]
api_keys = ["{KEY}"]
allowed_media_hosts = ["127.0.0.1"]
[[models]]
id = "lines"
backend = "fake"
source = "speech"
"""


@pytest.fixture(scope="module")
def fetching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve a model that reads lines, with recordings from this machine."""
    file: Path = tmp_path_factory.mktemp("fetching") / "shim.toml"
    file.write_text(CONFIG)
    with serving("--config", str(file)) as live:
        yield live


@pytest.fixture
async def fetching_http(fetching: LiveServer) -> AsyncIterator[httpx.AsyncClient]:
    """Send bytes of our own."""
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=fetching.base_url, headers=headers) as http:
        yield http


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Serve a recording at a URL."""
    async with serving_site(SPOKEN) as site:
        yield site


async def test_a_url(fetching_http: httpx.AsyncClient, site: Site) -> None:
    """A recording at an allowed URL is fetched, also as one of many; an error is its own."""
    url = f"http://127.0.0.1:{site.port}"
    inline = {"file_url": f"data:;base64,{base64.b64encode(SPOKEN).decode()}"}

    one = await fetching_http.post("audio/transcriptions", json={"file_url": f"{url}/a.wav"})
    many = await fetching_http.post(
        "audio/transcriptions",
        json={"files": [{"file_url": f"{url}/{name}"} for name in ("a", "gone")]},
    )
    within = await fetching_http.post("audio/transcriptions", json=inline)
    gone = await fetching_http.post("audio/transcriptions", json={"file_url": f"{url}/gone"})

    assert one.json() == within.json()
    assert one.json()["text"].startswith("good morning good morning")
    found, missing = many.json()["data"]
    assert found["text"] == one.json()["text"]
    assert (missing["status"], missing["error"]["param"]) == (400, "files[1].file_url")
    assert (gone.status_code, gone.json()["error"]["param"]) == (400, "file_url")
    assert gone.json()["error"]["message"].endswith("its host answered with status 404.")


async def test_no_hosts(http: httpx.AsyncClient) -> None:
    """Unless hosts are allowed no URL is fetched, and the refusal names the setting."""
    answer = await http.post("audio/transcriptions", json={"file_url": "http://127.0.0.1:1/a"})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "file_url"
    assert "allowed_media_hosts" in answer.json()["error"]["message"]
