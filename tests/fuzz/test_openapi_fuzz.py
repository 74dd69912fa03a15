"""A short run of Schemathesis; `tests/fuzz/openapi.py` says how to make it long."""

from tests.live import LiveServer

from .openapi import explore


def test_what_the_document_says(everything: LiveServer) -> None:
    """No request makes the server fail, and every answer is as documented."""
    seen = explore(everything, cases=500, number=20261125)

    for route in ("chat/completions", "completions", "responses", "embeddings"):
        assert seen[f"POST /v1/{route}", 200] > 0
        assert seen[f"POST /v1/{route}", 400] > 0
    assert seen["POST /v1/audio/transcriptions", 200] > 0
