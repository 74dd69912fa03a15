"""Recordings at URLs: which are fetched, and how many bytes and seconds they may take."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

import pytest

from shim.api.transcription.downloads import Downloads
from shim.errors import InvalidParameter
from tests.websites import Names, Site, serving_site

RECORDING = bytes(range(256)) * 4000
NAME = "clips.example"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Serve a recording of a megabyte on loopback."""
    async with serving_site(RECORDING) as site:
        yield site


def downloads(**bounds: Any) -> Downloads:
    """Return what fetches from a name, which is that of this machine."""
    given = {"most_bytes": 1 << 30, "most_seconds": 20, **bounds}
    return Downloads((NAME, "127.0.0.1"), resolver=Names("127.0.0.1"), **given)


async def fetched(fetcher: Downloads, *urls: str) -> list[bytes | str]:
    """Return what is at each of *urls*, or the message of its error, which names its place."""
    places = {f"files[{number}]": url for number, url in enumerate(urls)}
    found: list[bytes | str] = []
    with ExitStack() as stack:
        for place, audio in (await fetcher.fetched(places, stack)).items():
            if isinstance(audio, InvalidParameter):
                assert audio.param == place
                found.append(str(audio))
            else:
                audio.seek(0)
                found.append(audio.read())
    return found


async def test_each_has_its_own_error(site: Site) -> None:
    """What is at an allowed host is fetched whole; the others say why they are not."""
    base = f"http://{NAME}:{site.port}"

    found = await fetched(
        downloads(),
        f"{base}/a.wav",
        f"{base}/gone",
        "http://other.example/a.wav",
        f"{base}/to/http://other.example/a.wav",
        "file:///etc/passwd",
        f"{base}/b.wav",
    )

    only = f"Only `data:` URLs are accepted here, and URLs of 127.0.0.1, {NAME}."
    assert found == [
        RECORDING,
        "The URL was not fetched: its host answered with status 404.",
        only,
        "The URL was not fetched: it leads to a host that is not allowed.",
        only,
        RECORDING,
    ]


async def test_bounds(site: Site) -> None:
    """All recordings of a request together may take so many bytes, and so many seconds."""
    base = f"http://{NAME}:{site.port}"

    large = await fetched(downloads(most_bytes=len(RECORDING) + 1), f"{base}/a", f"{base}/b")
    slow = await fetched(downloads(most_seconds=0.05), f"{base}/stall")

    assert sorted(map(len, large)).count(len(RECORDING)) <= 1
    assert any("1024001 bytes together" in str(each) for each in large)
    assert slow == ["The URL was not fetched within 0.05 s."]
