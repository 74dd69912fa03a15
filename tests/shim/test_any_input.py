"""Whatever is sent, the server is never at fault: no request makes it answer 500."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import TestClient

from backends.config import FakeModelConfig
from shim.app import create_app
from shim.chat.protocol import ChatMessage, ChatRequest
from shim.settings import Settings
from shim.transcription.protocol import TranscriptionForm

MODELS = (
    FakeModelConfig(id="chat", source="chat"),
    FakeModelConfig(id="speech", source="speech"),
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["chat", "speech", "user", "text", "auto", "en", "json", "word", "stop"])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


# Sensible objects with a senseless field or two: any more, and all would be refused at the first.
OPTIONS = [name for name in ChatRequest.__struct_fields__ if name not in {"model", "messages"}]
numbers = st.integers(-2, 5) | st.floats(-1, 3) | st.none() | st.booleans()

messages = st.builds(
    lambda turn, some: {**turn, **some},
    st.sampled_from(
        [
            {"role": "user", "content": "a b"},
            {"role": "assistant", "content": None},
            {"role": "developer", "content": [{"type": "text", "text": "c"}]},
        ]
    ),
    st.just({})
    | st.dictionaries(st.sampled_from(ChatMessage.__struct_fields__), values, max_size=1),
)
requests = st.builds(
    lambda turns, some: {"model": "chat", "messages": turns, **some},
    st.lists(messages, max_size=3),
    st.dictionaries(st.sampled_from(OPTIONS), numbers | values, max_size=2),
)

any_input = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    """Serve a model of each kind."""
    with TestClient(create_app(Settings(models=MODELS))) as client:
        yield client


def is_openais(answer: Any) -> bool:
    """Return whether *answer* is a success, or a refusal in OpenAI's form."""
    if answer.status_code == 200:
        return True
    error = answer.json()["error"]
    return answer.status_code < 500 and error.keys() == {"message", "type", "param", "code"}


@any_input
@given(body=requests | values)
def test_chat(client: TestClient[Litestar], body: Any) -> None:
    """Any JSON is answered or refused."""
    assert is_openais(client.post("/v1/chat/completions", json=body))


@any_input
@given(content=st.binary(max_size=200))
def test_bytes(client: TestClient[Litestar], content: bytes) -> None:
    """So are any bytes."""
    assert is_openais(client.post("/v1/chat/completions", content=content))


@any_input
@given(
    fields=st.dictionaries(
        st.sampled_from(
            [*TranscriptionForm.__struct_fields__, "timestamp_granularities[]", "include[]"]
        ),
        st.lists(scalars.map(str), max_size=3),
        max_size=5,
    ),
    file=st.none() | st.binary(max_size=50),
)
def test_transcriptions(
    client: TestClient[Litestar], fields: dict[str, list[str]], file: bytes | None
) -> None:
    """So is any form."""
    form = {"model": ["speech"], **fields}
    files = {} if file is None else {"file": file}

    assert is_openais(client.post("/v1/audio/transcriptions", data=form, files=files))
