"""Splits a JSON body, which some harnesses send, into its fields and the recording in `file`."""

from typing import Any

import msgspec

from shim.errors import InvalidParameter

from .base64_audio import decode

SILENCE = " "
"""The text of a silent recording, for JSON bodies only.

The harness that sends such bodies treats an empty text as a missing one, and then scores the JSON
of the whole answer. It accepts a space as a text, and every normaliser removes the space.
"""


def split(body: Any, *, field_bytes: int) -> tuple[dict[str, Any], bytes]:
    """Return the fields of *body* without `file`, and the decoded recording.

    Raises InvalidParameter for a body that is not an object, a missing or invalid `file`, and
    fields that take more than *field_bytes* as JSON.
    """
    if not isinstance(body, dict):
        raise InvalidParameter("The body must be a JSON object with a `file`.")
    fields = dict(body)
    file = fields.pop("file", None)
    if file is None:
        raise InvalidParameter("Missing required parameter: 'file'.", param="file")
    if not isinstance(file, str):
        raise InvalidParameter("`file` must be a string: base64, or a data: URL.", param="file")
    if len(msgspec.json.encode(fields)) > field_bytes:
        raise InvalidParameter(f"The fields beside `file` take more than {field_bytes} bytes.")
    return fields, decode(file, param="file").getvalue()
