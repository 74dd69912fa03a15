"""Manifests: how an answer was made, told by a hash that outlives the server."""

from typing import Any

import httpx
import openai
import pytest

from tests.client.stock import answered, connect
from tests.live import CLIPS, KEY, LiveServer, serving

CLIP = CLIPS / "en-01-espeak-en-us-f4.flac"

BARE = "/models/toy-speech/manifest"


async def stated(client: Any, **options: Any) -> str:
    """Return the hash of the manifest that an answer came with."""
    raw = client.audio.transcriptions.with_raw_response
    answer = await answered(raw.create(model="toy-speech", file=CLIP, **options))
    return str(answer.headers["x-shim-manifest"])


async def described(client: Any, path: str = BARE) -> dict[str, Any]:
    """Return a manifest."""
    found: dict[str, Any] = await answered(client.get(path, cast_to=dict[str, Any]))
    return found


async def test_a_bare_request(builtin: Any) -> None:
    """The manifest of a model is that of a request without options."""
    assert await stated(builtin) == (await described(builtin))["hash"]


async def test_options(builtin: Any) -> None:
    """A hash that options changed stands for these options, defaults filled in."""
    short = await stated(builtin, prompt="Shim", extra_body={"beam_size": 2})

    found = await described(builtin, f"{BARE}/{short}")

    assert found["hash"] == short
    assert found["transcribe"]["beam_size"] == 2
    assert found["transcribe"]["initial_prompt"] == "Shim"
    assert found["transcribe"]["best_of"] == 5
    bare = await described(builtin)
    assert bare["hash"] != short
    assert {**found, "hash": 0, "transcribe": 0} == {**bare, "hash": 0, "transcribe": 0}


OPTIONS = [
    {"language": "en"},
    {"extra_body": {"languages": ["en", "de"]}},
    {"prompt": "Shim"},
    {"temperature": 0.5},
    {"extra_body": {"keywords": ["Shim"]}},
    {"chunking_strategy": "auto"},
    {"extra_body": {"beam_size": 2}},
]


@pytest.mark.parametrize("builtin", ["async"], indirect=True)
async def test_what_changes_it(builtin: Any) -> None:
    """Each option that may change the text changes the hash, to one of its own."""
    hashes = [await stated(builtin, **options) for options in ({}, *OPTIONS)]

    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("builtin", ["async"], indirect=True)
@pytest.mark.parametrize(
    "options",
    [
        {"response_format": "text"},
        {"include": ["logprobs"]},
        {"temperature": 0},
        {"stream": True},
        {"extra_body": {"user": "x"}},
    ],
    ids=str,
)
async def test_what_does_not(builtin: Any, options: dict[str, Any]) -> None:
    """Neither the form of an answer nor what is ignored changes how its text was made."""
    assert await stated(builtin, **options) == (await described(builtin))["hash"]


async def test_what_it_holds(builtin: Any) -> None:
    """Weights by their digests, the engine with its versions, the device: enough to repeat it."""
    found = await described(builtin)

    assert found["engine"] == "faster-whisper"
    assert {"faster-whisper", "ctranslate2"} <= found["versions"].keys()
    assert len(found["files"]["model.bin"]) == 64
    assert (found["device"], found["transcribe"]["task"]) == ("cpu", "transcribe")


async def test_an_alias(builtin: Any) -> None:
    """It is the same model under another name."""
    assert await described(builtin, "/models/whisper-1/manifest") == await described(builtin)


@pytest.mark.parametrize(
    ("path", "code", "param"),
    [
        (f"{BARE}/0123456789ab", "manifest_not_found", None),
        (f"{BARE}/a/b", "model_not_found", "model"),
        ("/models/nope/manifest", "model_not_found", "model"),
        ("/models/toy-chat/manifest", "model_not_found", "model"),
    ],
)
async def test_what_there_is_not(builtin: Any, path: str, code: str, param: str | None) -> None:
    """An unknown hash and an unknown model are told apart."""
    with pytest.raises(openai.NotFoundError) as refused:
        await described(builtin, path)

    assert (refused.value.code, refused.value.param) == (code, param)


async def test_a_key_is_asked_for(server: LiveServer) -> None:
    """A manifest is behind the key, like the model."""
    async with httpx.AsyncClient(base_url=server.base_url) as http:
        answer = await http.get("models/toy-speech/manifest")

    assert answer.status_code == 401


@pytest.mark.parametrize("builtin", ["async"], indirect=True)
async def test_a_restart(builtin: Any) -> None:
    """Another process of the same version gives the same hashes; what it answered it remembers."""
    options: dict[str, Any] = {"extra_body": {"beam_size": 3}}
    before = [(await described(builtin))["hash"], await stated(builtin, **options)]

    with serving("--api-key", KEY) as server:
        client = connect("async", server)
        with pytest.raises(openai.NotFoundError):
            await described(client, f"{BARE}/{before[1]}")
        after = [(await described(client))["hash"], await stated(client, **options)]
        again = await described(client, f"{BARE}/{before[1]}")
        await client.close()

    assert after == before
    assert again == await described(builtin, f"{BARE}/{before[1]}")
