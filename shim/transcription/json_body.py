"""A JSON body with the recording in it, as some harnesses send it: `file` in base64."""

import base64
import binascii
from typing import Any

import msgspec

from shim.errors import InvalidParameter

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
    return fields, _decoded(file)


def _decoded(file: str) -> bytes:
    if file.startswith("data:"):
        head, _, file = file.partition(",")
        if not head.endswith(";base64"):
            raise InvalidParameter("A data: URL has to say `;base64,`.", param="file")
    try:
        # Lines may be broken, as in MIME; anything else that is not of the alphabet is an error.
        return base64.b64decode("".join(file.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidParameter(f"`file` is not base64: {error}.", param="file") from error
