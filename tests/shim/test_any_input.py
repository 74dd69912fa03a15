"""No request, however strange, makes the server answer 500."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import TestClient

from backends.config import FakeModelConfig
from backends.whisper_options import Decoding, VadParameters
from shim.api.chat.protocol import ChatRequest
from shim.api.embeddings.protocol import EmbeddingRequest
from shim.api.generation.messages import ChatMessage
from shim.api.transcription.protocol import ServerVad, TranscriptionForm
from shim.app import create_app
from shim.limits import Limits
from shim.settings import ServerSettings, Settings

MODELS = (
    FakeModelConfig(id="chat", source="chat"),
    FakeModelConfig(id="speech", source="speech"),
    FakeModelConfig(id="embedding", source="embedding"),
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


# Valid objects with one or two random fields: with more, the first one would always be refused.
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

answers = st.sampled_from(["false", "False", "", "true", "maybe"])

any_input = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    """Serve a model of each kind; the same refusal, over and over, is not delayed."""
    server = ServerSettings(limits=Limits(refusal_delay_seconds=0.0))
    with TestClient(create_app(Settings(server=server, models=MODELS))) as client:
        yield client


def is_openais(answer: Any) -> bool:
    """Return whether *answer* is a success, or a refusal in OpenAI's shape."""
    if answer.status_code == 200:
        return True
    error = answer.json()["error"]
    return answer.status_code < 500 and error.keys() == {"message", "type", "param", "code"}


@any_input
@given(body=requests | values, strict=answers)
def test_chat(client: TestClient[Litestar], body: Any, strict: str) -> None:
    """Any JSON for a chat is answered or refused."""
    headers = {"x-shim-strict": strict}

    assert is_openais(client.post("/v1/chat/completions", json=body, headers=headers))


@any_input
@given(content=st.binary(max_size=200))
def test_bytes(client: TestClient[Litestar], content: bytes) -> None:
    """Any bytes for a chat are answered or refused."""
    assert is_openais(client.post("/v1/chat/completions", content=content))


# ── vectors ───────────────────────────────────────────────────────────────────

inputs = st.sampled_from(["a", ["a", "b"], [1, 2], [[1], [2]], "", [[]]]) | values
embedded = st.builds(
    lambda texts, some: {"model": "embedding", "input": texts, **some},
    inputs,
    st.dictionaries(
        st.sampled_from(EmbeddingRequest.__struct_fields__[2:]), numbers | values, max_size=2
    ),
)


@any_input
@given(body=embedded | values, strict=answers)
def test_embeddings(client: TestClient[Litestar], body: Any, strict: str) -> None:
    """Any JSON for embeddings is answered or refused."""
    assert is_openais(client.post("/v1/embeddings", json=body, headers={"x-shim-strict": strict}))


# ── recordings ────────────────────────────────────────────────────────────────

LISTS = ["languages", "keywords", "timestamp_granularities", "include", "temperatures"]
SPEECH = [*TranscriptionForm.__struct_fields__, *Decoding.__struct_fields__, "engine"]
BRACKETED = [
    *(f"{name}[]" for name in LISTS),
    *(f"{name}[0]" for name in LISTS),
    *(f"engine[{name}]" for name in Decoding.__struct_fields__),
    *(f"vad_parameters[{name}]" for name in VadParameters.__struct_fields__),
    *(f"chunking_strategy[{name}]" for name in ("type", *ServerVad.__struct_fields__)),
    "engine[vad_parameters][threshold]",
    "engine[]",
    "model[]",
    "odd]",
    "deep[a][b][c][d][e]",
]

heard = st.sampled_from(["1", "0.5", "0,0.5", "true", "verbose_json", "logprobs", "server_vad"])
recordings = st.sampled_from([b"one\ntwo", b" ", b"three"]) | st.binary(max_size=50)
sensible = st.fixed_dictionaries(
    {},
    optional={
        "response_format": st.sampled_from(["json", "text", "srt", "vtt", "verbose_json"]),
        "temperature": st.sampled_from(["0", "0.5"]),
        "language": st.sampled_from(["en", "German"]),
        "stream": st.sampled_from(["true", "false"]),
        "engine[beam_size]": st.just("2"),
        "temperatures": st.sampled_from(["0", "0,0.5"]),
        "keywords": st.just("a"),
    },
)
endpoints = st.sampled_from(
    [f"{root}/audio/{task}" for root in ("", "/v1") for task in ("transcriptions", "translations")]
)


@any_input
@given(
    path=endpoints,
    good=sensible,
    odd=st.dictionaries(
        st.sampled_from(SPEECH) | st.sampled_from(BRACKETED),
        st.lists(heard | scalars.map(str), max_size=2),
        max_size=1,
    ),
    name=st.sampled_from(["file", "file", "file", "files"]),
    file=recordings,
    strict=answers,
)
def test_transcriptions(
    client: TestClient[Litestar],
    *,
    path: str,
    good: dict[str, str],
    odd: dict[str, list[str]],
    name: str,
    file: bytes,
    strict: str,
) -> None:
    """Any form with a recording is answered or refused."""
    form = {"model": "speech", **good, **odd}
    headers = {"x-shim-strict": strict}

    assert is_openais(client.post(path, data=form, files={name: file}, headers=headers))


within = st.builds(
    lambda file, good, odd: {"file": file, **good, **odd},
    recordings.map(base64.b64encode).map(bytes.decode),
    sensible,
    st.dictionaries(
        st.sampled_from([*SPEECH, "file"]) | st.text(max_size=8),
        numbers | heard | st.lists(heard | numbers, max_size=2) | values,
        max_size=1,
    ),
)


@any_input
@given(path=endpoints, body=within | values, strict=answers)
def test_recordings_within_json(
    client: TestClient[Litestar], path: str, body: Any, strict: str
) -> None:
    """Any JSON with a recording is answered or refused."""
    assert is_openais(client.post(path, json=body, headers={"x-shim-strict": strict}))


@any_input
@given(content=st.binary(max_size=200))
def test_bytes_for_a_recording(client: TestClient[Litestar], content: bytes) -> None:
    """Any bytes that are declared as JSON are answered or refused as a recording."""
    headers = {"content-type": "application/json"}

    assert is_openais(client.post("/audio/transcriptions", content=content, headers=headers))


@any_input
@given(
    path=st.text("ab/\u00e9 %?#.", max_size=10).map("/v1/models/{}/manifest".format)
    | st.text("0a/\u00e9 %.", max_size=14).map("/v1/models/speech/manifest/{}".format)
)
def test_manifests(client: TestClient[Litestar], path: str) -> None:
    """Any path of a manifest is answered or refused."""
    assert is_openais(client.get(path))
