"""Media from elsewhere: which hosts and addresses are fetched from, and how much."""

import base64
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from backends.addresses import is_public
from backends.base import Generation, Sampling
from backends.conversation import Conversation, Media, Message
from backends.failures import InvalidOption
from backends.vllm.requests.fetching import MediaFetcher
from tests.websites import Names, Site, serving_site

PICTURE = bytes(range(256)) * 999
NAME, OTHER = "images.example", "other.example"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Serve a site on loopback."""
    async with serving_site(PICTURE) as site:
        yield site


def generation(*urls: str) -> Generation:
    """Return one whose second message has images at *urls*, after a text."""
    images = [Media(kind="image", url=url) for url in urls]
    turns = (Message(role="system", content="s"), Message(role="user", content=("What?", *images)))
    return Generation(prompt=Conversation(turns), sampling=Sampling())


async def fetched(fetcher: MediaFetcher, *urls: str) -> list[str]:
    """Return the URLs of the images after the fetch."""
    async with fetcher.fetched(generation(*urls)) as whole:
        assert isinstance(whole.prompt, Conversation)
        (_, *images) = whole.prompt.messages[1].content
    return [image.url for image in images if isinstance(image, Media)]


async def refusal(fetcher: MediaFetcher, url: str) -> str:
    """Return why *url* is not fetched."""
    with pytest.raises(InvalidOption) as error:
        await fetched(fetcher, url)
    assert error.value.option == "messages[1].content[1]"
    return str(error.value)


def by_name(*addresses: str, hosts: tuple[str, ...] = (NAME, "127.0.0.1")) -> MediaFetcher:
    """Return a fetcher for *hosts*, whose names resolve to *addresses*."""
    return MediaFetcher(hosts, resolver=Names(*(addresses or ("127.0.0.1",))), most_seconds=5)


async def test_media_become_data(site: Site) -> None:
    """What an allowed host answers takes the place of its URL; `data:` URLs stay as they are."""
    url = f"http://{NAME}:{site.port}/a.png"

    first, kept, second = await fetched(by_name(), url, "data:,x", url)

    assert first == second == f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"
    assert kept == "data:,x"


async def test_an_address_that_is_allowed(site: Site) -> None:
    """An address of this machine is fetched from if the list has it."""
    url = f"http://127.0.0.1:{site.port}/a.png"

    assert await fetched(by_name(hosts=("127.0.0.1",)), url)
    assert "Only `data:` URLs" in await refusal(by_name(hosts=(NAME,)), url)


async def test_a_name_for_an_inner_address(site: Site) -> None:
    """An allowed name that resolves to an address of this network is not fetched."""
    message = await refusal(by_name(hosts=(NAME,)), f"http://{NAME}:{site.port}/a.png")

    assert message == "The URL was not fetched: its host has an address that is not public."
    assert site.paths == []


async def test_a_name_that_is_rebound(site: Site) -> None:
    """A name is resolved once, so that it cannot become another address after the check."""
    names = Names("127.0.0.1", "10.0.0.1")
    fetcher = MediaFetcher((NAME, "127.0.0.1"), resolver=names)

    await fetched(fetcher, f"http://{NAME}:{site.port}/a.png")

    assert names.resolved == [NAME]
    assert site.paths == ["/a.png"]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://other.example/a.png", "a host that is not allowed"),
        ("http://[::1]/a.png", "a host that is not allowed"),
        ("//localhost/a.png", "a host that is not allowed"),
        ("file:///etc/passwd", "a host that is not allowed"),
        ("http://inner.example/a.png", "has an address that is not public"),
    ],
)
async def test_redirects_are_checked(site: Site, target: str, reason: str) -> None:
    """A redirect leads only to where the URL itself might have led."""
    hosts = (NAME, "127.0.0.1", "inner.example")
    fetcher = MediaFetcher(hosts, resolver=Names("127.0.0.1", "10.0.0.1"), most_seconds=5)

    assert reason in await refusal(fetcher, f"http://{NAME}:{site.port}/to/{target}")
    assert len(site.paths) == 1


async def test_a_redirect_within_the_list(site: Site) -> None:
    """An allowed redirect is followed, also a relative one; a chain of them is not."""
    base = f"http://{NAME}:{site.port}"

    assert await fetched(by_name(), f"{base}/to//a.png")
    assert site.paths == ["/to//a.png", "/a.png"]
    assert "redirected more than 3 times" in await refusal(by_name(), f"{base}/loop")


async def test_an_error_of_the_host(site: Site) -> None:
    """An error of the host is the client's, without the host's text."""
    message = await refusal(by_name(), f"http://{NAME}:{site.port}/gone")

    assert message == "The URL was not fetched: its host answered with status 404."


async def test_nobody_listens() -> None:
    """A host that does not answer is an error of the client's, without its address."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]

    message = await refusal(by_name(), f"http://{NAME}:{port}/")

    assert message.endswith("its host could not be reached, or did not answer.")


async def test_too_much(site: Site) -> None:
    """All media of a request together have a limit, in bytes and in seconds."""
    url = f"http://{NAME}:{site.port}/a.png"
    small = MediaFetcher(
        (NAME, "127.0.0.1"), resolver=Names("127.0.0.1"), most_bytes=len(PICTURE) + 1
    )
    short = MediaFetcher((NAME, "127.0.0.1"), resolver=Names("127.0.0.1"), most_seconds=0.05)

    assert await fetched(small, url)
    with pytest.raises(InvalidOption, match="all URLs of a request may have"):
        await fetched(small, url, url)
    with pytest.raises(InvalidOption, match=r"not fetched within 0\.05 s"):
        await fetched(short, url, f"http://{NAME}:{site.port}/stall")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("64:ff9b::808:808", True),
        ("127.0.0.1", False),
        ("10.1.1.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),  # noqa: S104
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::127.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:  # noqa: FBT001
    """Addresses of this machine, of this network and of nobody are not public, in any form."""
    assert is_public(address) is public
