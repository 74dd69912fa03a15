"""Checks where the media of a conversation may be fetched from."""

from collections.abc import Collection
from urllib.parse import urlsplit

from backends.conversation import Conversation, Media
from backends.failures import InvalidOption


def check_media(conversation: Conversation, hosts: Collection[str]) -> None:
    """Raise InvalidOption for a URL that is neither `data:` nor on one of the allowed *hosts*.

    vLLM checks hosts too, but only if there is a list of them. Without one it would fetch any URL,
    from inside the server's network.
    """
    for index, message in enumerate(conversation.messages):
        if isinstance(message.content, str):
            continue
        for part, content in enumerate(message.content):
            if isinstance(content, Media) and not _is_allowed(content.url, hosts):
                also = f", and URLs of {', '.join(hosts)}" if hosts else ""
                raise InvalidOption(
                    f"Only `data:` URLs are accepted here{also}.",
                    option=f"messages[{index}].content[{part}]",
                )


def _is_allowed(url: str, hosts: Collection[str]) -> bool:
    if url[:5].lower() == "data:":
        return True
    # Some readers of URLs end the host at a backslash and others do not.
    if "\\" in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.hostname in hosts
