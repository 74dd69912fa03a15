"""What every answer of generated text begins with, and every event of a stream repeats."""

import secrets
import time
from typing import NamedTuple


class Heading(NamedTuple):
    """Who answers, and when it began."""

    id: str
    created: int
    model: str
    fingerprint: str

    @classmethod
    def new(cls, kind: str, model: str, fingerprint: str) -> "Heading":
        """Draw an id that begins with *kind* for an answer that begins now."""
        return cls(f"{kind}-{secrets.token_hex(16)}", int(time.time()), model, fingerprint)
