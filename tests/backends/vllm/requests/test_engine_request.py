"""A request that the engine could not answer because it did not have its media."""

from types import SimpleNamespace
from typing import Any

import pytest

from backends.vllm.requests.engine_request import EngineRequest


def output(reason: str | None, *token_ids: int) -> Any:
    """Return the first output of a request, as far as it matters here."""
    choice = SimpleNamespace(finish_reason=reason, token_ids=list(token_ids))
    return SimpleNamespace(outputs=[choice])


@pytest.mark.parametrize(
    ("kind", "first", "lacks"),
    [
        ("multimodal", output("error"), True),
        ("multimodal", output("error", 7), False),
        ("multimodal", output(None, 7), False),
        ("token", output("error"), False),
    ],
)
def test_an_error_before_the_first_token(kind: str, first: Any, *, lacks: bool) -> None:
    """It means that only for a prompt with media."""
    unused: Any = None
    request = EngineRequest({"type": kind}, params=unused, options={})

    assert request.lacks_media(first) == lacks
