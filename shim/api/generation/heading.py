"""The fields at the head of a chat or a text completion, repeated in each event of a stream."""

import secrets
import time
from typing import NamedTuple


class Heading(NamedTuple):
    """Identifies one answer."""

    id: str
    created: int
    """When the answer began: Unix time in seconds."""
    model: str
    """The model's name in the request; its id if the request does not name a model."""
    fingerprint: str
    """Hash of this server's version and the model's configuration: `system_fingerprint`."""

    @classmethod
    def new(cls, kind: str, model: str, fingerprint: str) -> "Heading":
        """Return the heading of an answer that begins now; its random id begins with *kind*."""
        return cls(f"{kind}-{secrets.token_hex(16)}", int(time.time()), model, fingerprint)
