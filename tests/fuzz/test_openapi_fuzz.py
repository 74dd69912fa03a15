"""A short run of Schemathesis; `tests/fuzz/openapi.py` says how to make it long."""

from copy import copy
from typing import Any

import pytest
from schemathesis.core.failures import FailureGroup

from tests.fuzz.openapi import answered, check, explore, operations
from tests.live import LiveServer

ASKED = {"model": "gpt-4o-mini", "stream": True}
TALK = [{"role": "user", "content": "What is 2 plus 2?"}]


def test_what_the_document_says(vllm_server: LiveServer) -> None:
    """No request makes the server fail, and every answer is as documented."""
    seen = explore(vllm_server, cases=400, number=5)

    for route in ("chat/completions", "completions", "responses", "embeddings"):
        assert seen[f"POST /v1/{route}", 200] > 0
        assert seen[f"POST /v1/{route}", 400] > 0
    assert seen["POST /v1/audio/transcriptions", 200] > 0


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("chat/completions", {"messages": TALK, "max_tokens": 4}),
        ("completions", {"prompt": "2 + 2 =", "max_tokens": 4}),
        ("responses", {"input": TALK, "max_output_tokens": 16}),
    ],
)
def test_a_wrong_event_is_found(vllm_server: LiveServer, route: str, body: dict[str, Any]) -> None:
    """Each event of a stream is held against the document, not the first alone."""
    (operation,) = (o for o in operations(vllm_server) if o.label == f"POST /v1/{route}")
    case = operation.Case(body={**ASKED, **body}, media_type="application/json")
    answer = answered(vllm_server, case)
    wrong = copy(answer)  # before it is checked: what was read of it is kept
    # The last event that says of what kind it is says something else.
    kind = b'"type":"' if route == "responses" else b'"object":"'
    before, _, after = answer.content.rpartition(kind)
    wrong.content = before + kind + b"un" + after

    check(case, answer)
    with pytest.raises(FailureGroup, match="event violates schema"):
        check(case, wrong)
