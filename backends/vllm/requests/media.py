"""Checks where the media of a conversation may be fetched from."""

from collections.abc import Collection
from urllib.parse import urlsplit

from backends.conversation import Conversation, Media
from backends.failures import InvalidOption

ALLOWED_SCHEMES = frozenset({"http", "https"})
"""Schemes of URLs that are fetched."""


def check_media(conversation: Conversation, hosts: Collection[str]) -> None:
    """Raise InvalidOption for a URL that is neither `data:` nor on one of the allowed *hosts*.

    Without a list of hosts vLLM would fetch any URL, from inside the server's network.
    """
    for index, message in enumerate(conversation.messages):
        if isinstance(message.content, str):
            continue
        for part, content in enumerate(message.content):
            if isinstance(content, Media) and not _is_allowed(content.url, hosts):
                also = f", and URLs of {', '.join(sorted(hosts))}" if hosts else ""
                raise InvalidOption(
                    f"Only `data:` URLs are accepted here{also}.",
                    option=f"messages[{index}].content[{part}]",
                )


def is_data(url: str) -> bool:
    """Return whether *url* contains its content."""
    return url[:5].lower() == "data:"


def _is_allowed(url: str, hosts: Collection[str]) -> bool:
    if is_data(url):
        return True
    # Some readers of URLs end the host at a backslash and others do not.
    if "\\" in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ALLOWED_SCHEMES and parts.hostname in hosts
