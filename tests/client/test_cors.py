"""Browsers: pages that are allowed to use the server are told so."""

import httpx

from tests.live import KEY, serving

PAGE = "https://ui.example"


def test_a_page_that_is_allowed() -> None:
    """Its question before a request is answered without a key; answers, and errors, name it."""
    with serving("--model", "echo=fake:chat", "--api-key", KEY, SHIM_CORS_ORIGINS=PAGE) as server:
        headed = {"origin": PAGE, "access-control-request-method": "HEAD"}
        refused = [
            httpx.get(f"{server.url}{path}", headers={"origin": PAGE})
            for path in ("/v1/models", "/nowhere")
        ]
        before = [
            httpx.options(f"{server.url}{path}", headers=headed)
            for path in ("/v1/models", "/models", "/health", "/openai/v1/models")
        ]
        asks = {
            "origin": PAGE,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,x-stainless-os",
        }
        question = httpx.options(f"{server.base_url}/chat/completions", headers=asks)
        deleting = {**asks, "access-control-request-method": "DELETE"}
        deletion = httpx.options(f"{server.base_url}/files/file-1", headers=deleting)
        answer = httpx.get(
            f"{server.base_url}/models", headers={"origin": PAGE, "authorization": f"Bearer {KEY}"}
        )
        other = httpx.get(f"{server.url}/health", headers={"origin": "https://other.example"})

    assert {asked.status_code for asked in before} == {204}
    for one in (*refused, *before):
        assert one.headers["access-control-allow-origin"] == PAGE
    assert question.status_code == 204
    assert question.headers["access-control-allow-origin"] == PAGE
    assert "POST" in question.headers["access-control-allow-methods"]
    assert deletion.status_code == 204
    assert "DELETE" in deletion.headers["access-control-allow-methods"]
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "access-control-allow-origin" not in other.headers


def test_other_pages() -> None:
    """A server without keys refuses pages of other sites, also before their requests."""
    with serving("--model", "echo=fake:chat") as server:
        page = {"origin": PAGE, "access-control-request-method": "POST"}

        assert httpx.options(f"{server.base_url}/models", headers=page).status_code == 403
        assert httpx.get(f"{server.url}/health", headers=page).status_code == 403
        assert httpx.get(f"{server.url}/health").status_code == 200
