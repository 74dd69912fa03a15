"""A short run of Schemathesis; `tests/fuzz/openapi.py` says how to make it long."""

from collections import Counter

from tests.live import LiveServer

from .openapi import explore


def test_what_the_document_says(everything: LiveServer) -> None:
    """No request makes the server fail, and every answer is as documented."""
    seen = explore(everything, cases=500, number=20261125)

    statuses: Counter[str] = Counter()
    for (operation, status), count in seen.items():
        statuses[f"{operation} {status}"] += count
    for route in ("chat/completions", "completions", "responses", "embeddings"):
        assert statuses[f"POST /v1/{route} 200"] > 0
        assert statuses[f"POST /v1/{route} 400"] > 0
    assert statuses["POST /v1/audio/transcriptions 200"] > 0
