"""On every route a parameter of null is the same as a missing one."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from shim.api.chat.protocol import ChatRequest
from shim.api.chat.translate import to_generation as chat
from shim.api.completions.protocol import CompletionRequest
from shim.api.completions.translate import to_generations as completion
from shim.api.embeddings.protocol import EmbeddingRequest
from shim.api.embeddings.translate import to_jobs
from shim.api.responses.protocol import ResponsesRequest
from shim.api.responses.translate import to_generation as response
from shim.api.tokenizer.protocol import TokenizeRequest
from shim.api.tokenizer.translate import to_prompt

MESSAGES = [{"role": "user", "content": "hi"}]
ROUTES: dict[type[msgspec.Struct], tuple[Callable[[Any], Any], dict[str, Any]]] = {
    ChatRequest: (chat, {"messages": MESSAGES}),
    CompletionRequest: (completion, {"prompt": "hi"}),
    ResponsesRequest: (response, {"input": "hi"}),
    EmbeddingRequest: (lambda request: list(to_jobs(request)), {"input": "hi"}),
    TokenizeRequest: (to_prompt, {"messages": MESSAGES}),
}


@pytest.mark.parametrize("kind", ROUTES, ids=lambda kind: kind.__name__)
def test_nulls(kind: type[msgspec.Struct]) -> None:
    """Every optional parameter may be null, and the request is translated as without it."""
    translate, body = ROUTES[kind]
    names = [f.encode_name for f in msgspec.structs.fields(kind) if f.encode_name not in body]

    bare = translate(msgspec.convert(body, kind))
    nulls = translate(msgspec.convert({**body, **dict.fromkeys(names)}, kind))

    assert nulls == bare
