"""A JSON body with the recording in it, as some harnesses send it: `file` in base64."""

from typing import Any

import msgspec

from shim.errors import InvalidParameter

from .base64_audio import decode

SILENCE = " "
"""The text of a recording in which nothing is said, on this form only.

The harness that the form is for takes an empty text for a missing one, and scores the whole answer
as text instead; a space is true, and every normaliser makes nothing of it.
"""


def split(body: Any, *, field_bytes: int) -> tuple[dict[str, Any], bytes]:
    """Return the fields of *body*, *field_bytes* of JSON at the most, and its recording.

    Raises InvalidParameter.
    """
    if not isinstance(body, dict):
        raise InvalidParameter("The body is a JSON object with a `file`.")
    fields = dict(body)
    file = fields.pop("file", None)
    if file is None:
        raise InvalidParameter("Missing required parameter: 'file'.", param="file")
    if not isinstance(file, str):
        raise InvalidParameter("`file` is a string of base64, or a data: URL.", param="file")
    if len(msgspec.json.encode(fields)) > field_bytes:
        raise InvalidParameter(f"The fields beside `file` take more than {field_bytes} bytes.")
    return fields, decode(file, param="file").getvalue()
