"""Golden bytes: whole answers, compared byte for byte with the files in `golden/`.

Run with `UPDATE_GOLDEN=1` to write what is served now, then read the difference in git.
"""

import os
import re
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"

_VARYING = (
    (rb"chatcmpl-[0-9a-f]{32}", b"chatcmpl-0"),
    (rb"(resp|msg)_[0-9a-f]{32,34}", rb"\1_0"),
    (rb'"(created|created_at)":\d+', rb'"\1":0'),
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


def rounded(body: bytes) -> bytes:
    """Return *body* with a model's numbers rounded to halves; texts, tokens and times stay.

    CTranslate2's kernels differ in the third digit from one processor to the next.
    """
    return _NUMBERS.sub(lambda found: b"%b%.1f" % (found[1], round(float(found[2]) * 2) / 2), body)


_NUMBERS = re.compile(
    rb'("(?:logprob|avg_logprob|no_speech_prob|language_probability)":)(-?[\d.]+(?:e-?\d+)?)'
)
