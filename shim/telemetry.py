"""What is told about requests: an id on every answer, a line in the log."""

import logging
import secrets

from litestar.types import Message, Scope

log = logging.getLogger(__name__)

_HEADER = b"x-request-id"


async def stamp(message: Message, scope: Scope) -> None:
    """Give every answer its `x-request-id`, which the stock client shows in its exceptions."""
    if message["type"] != "http.response.start":
        return
    request_id = f"req_{secrets.token_hex(16)}"
    message["headers"] = [*message["headers"], (_HEADER, request_id.encode())]
    method = scope.get("method")  # typed for WebSockets too, which have none
    log.info("%s %s %s %s", method, scope["path"], message["status"], request_id)
