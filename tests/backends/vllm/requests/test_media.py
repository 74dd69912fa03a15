"""Where the media of a conversation may come from."""

import pytest

from backends.conversation import Conversation, Media, Message
from backends.failures import InvalidOption
from backends.vllm.requests.media import check_media

HOSTS = ("images.example",)


def conversation(url: str) -> Conversation:
    """Return one whose second message has an image at *url*, after a text."""
    image = Media(kind="image", url=url)
    return Conversation(
        (Message(role="system", content="s"), Message(role="user", content=("What?", image)))
    )


@pytest.mark.parametrize(
    "url", ["data:image/png;base64,AA==", "DATA:,a", "https://images.example:8443/a.png"]
)
def test_an_allowed_url(url: str) -> None:
    """A `data:` URL, and one of an allowed host at any port, are accepted."""
    check_media(conversation(url), HOSTS)


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example/a.png",
        "https://images.example.other/a.png",
        r"https://other.example\@images.example/a.png",
        "https://[a/b.png",
        "file:///etc/passwd",
        "ftp://images.example/a.png",
        "a.png",
    ],
)
def test_another_url(url: str) -> None:
    """Every other URL is refused by its part, with the hosts that are allowed."""
    with pytest.raises(InvalidOption, match=r"images\.example") as refusal:
        check_media(conversation(url), HOSTS)

    assert refusal.value.option == "messages[1].content[1]"


def test_no_allowed_host() -> None:
    """Without a list of hosts no URL is fetched, which vLLM itself would do."""
    with pytest.raises(InvalidOption, match="Only `data:` URLs"):
        check_media(conversation("https://images.example/a.png"), ())
