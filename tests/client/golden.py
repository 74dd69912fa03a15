"""Golden bytes: whole answers, compared byte for byte with the files in `golden/`.

Run with `UPDATE_GOLDEN=1` to write what is served now, then read the difference in git.
"""

import os
import re
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"

_VARYING = (
    (rb"chatcmpl-[0-9a-f]{32}", b"chatcmpl-0"),
    (rb'"created":\d+', b'"created":0'),
    (rb"fp_[0-9a-f]{12}", b"fp_0"),
)
"""What differs from one answer to the next, or with every version."""


def matches_golden(name: str, body: bytes) -> bool:
    """Return whether *body*, its ids and times made equal, is the file *name* to the byte."""
    for pattern, constant in _VARYING:
        body = re.sub(pattern, constant, body)
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN") == "1":
        file.write_bytes(body)
    return file.read_bytes() == body
