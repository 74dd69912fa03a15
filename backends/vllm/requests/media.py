"""A conversation's media: where they may come from, and whether they have reached the engine."""

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from backends.conversation import Conversation, Media
from backends.failures import InvalidOption


def check_media(conversation: Conversation, hosts: Collection[str]) -> None:
    """Raise InvalidOption for a URL that is neither `data:` nor on one of the allowed *hosts*.

    vLLM fetches them: with no list it would fetch any, from inside of the server's network.
    """
    for at, message in enumerate(conversation.messages):
        if isinstance(message.content, str):
            continue
        for part, content in enumerate(message.content):
            if isinstance(content, Media) and not _allowed(content.url, hosts):
                raise InvalidOption(
                    f"Only `data:` URLs are taken here{_besides(hosts)}.",
                    option=f"messages[{at}].content[{part}]",
                )


def _allowed(url: str, hosts: Collection[str]) -> bool:
    if url[:5].lower() == "data:":
        return True
    # A backslash ends the host for some readers of URLs and not for others.
    if "\\" in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.hostname in hosts


def _besides(hosts: Collection[str]) -> str:
    return f", and those of {', '.join(hosts)}" if hosts else ""


def lacks_media(prompt: Any, first: Any) -> bool:
    """Return whether the engine has failed for want of the media in *prompt*.

    *first* is the request's first `vllm.RequestOutput`; there is no other sign.
    """
    return prompt["type"] == "multimodal" and any(
        choice.finish_reason == "error" and not choice.token_ids for choice in first.outputs
    )
