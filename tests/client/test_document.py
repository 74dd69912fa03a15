"""The OpenAPI document over HTTP."""

import httpx

from shim.app import create_app
from shim.settings import ServerSettings, Settings
from tests.live import LiveServer


async def test_it_needs_no_key(fakes: LiveServer) -> None:
    """Who wants to know what a server takes need not be its user."""
    async with httpx.AsyncClient(base_url=fakes.url) as http:
        answer = await http.get("/openapi.json")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    app = create_app(Settings(server=ServerSettings(api_keys=("secret",))))
    assert answer.content == app.state.document
