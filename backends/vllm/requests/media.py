"""Checks where the media of a conversation may be fetched from."""

from collections.abc import Collection

from backends.conversation import Conversation, Media
from backends.failures import InvalidOption
from backends.fetching import is_allowed, is_data


def check_media(conversation: Conversation, hosts: Collection[str]) -> None:
    """Raise InvalidOption for a URL that is neither `data:` nor on one of the allowed *hosts*.

    Without a list of hosts vLLM would fetch any URL, from inside the server's network.
    """
    for index, message in enumerate(conversation.messages):
        if isinstance(message.content, str):
            continue
        for part, content in enumerate(message.content):
            if not isinstance(content, Media) or is_data(content.url):
                continue
            if not is_allowed(content.url, hosts):
                also = f", and URLs of {', '.join(sorted(hosts))}" if hosts else ""
                raise InvalidOption(
                    f"Only `data:` URLs are accepted here{also}.",
                    option=f"messages[{index}].content[{part}]",
                )
