"""The OpenAPI document over HTTP."""

import httpx

from shim.api.openapi.document import document
from shim.settings import ServerSettings
from tests.live import LiveServer


async def test_it_needs_no_key(fakes: LiveServer) -> None:
    """Who wants to know what a server takes need not be its user."""
    async with httpx.AsyncClient(base_url=fakes.url) as http:
        answer = await http.get("/openapi.json")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == document(ServerSettings(api_keys=("secret",)))
