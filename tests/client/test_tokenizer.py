"""The tokenizer at the server's root, as harnesses ask it: without a key, without a model."""

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live import KEY, LiveServer, serving

AUTHORIZED = {"authorization": f"Bearer {KEY}"}
SUM = "What is 3 plus 4?"


async def sent(server: LiveServer, path: str, body: Any = None, **options: Any) -> httpx.Response:
    """Ask without a key; POST a *body*, or GET."""
    async with httpx.AsyncClient(base_url=server.url) as http:
        if body is None:
            return await http.get(path, **options)
        return await http.post(path, json=body, **options)


async def test_there_and_back(server: LiveServer) -> None:
    """A text's tokens are that text, and are counted."""
    body = {"prompt": SUM, "add_special_tokens": False}

    tokens = (await sent(server, "/tokenize", body)).json()
    text = (await sent(server, "/detokenize", {"tokens": tokens["tokens"]})).json()

    assert text == {"prompt": SUM}
    assert tokens["count"] == len(tokens["tokens"])
    assert tokens["max_model_len"] > 0


async def test_tokens_by_their_texts(server: LiveServer) -> None:
    """Each token's own text, if asked for."""
    body = {"prompt": SUM, "add_special_tokens": False, "return_token_strs": True}

    found = (await sent(server, "/tokenize", body)).json()

    assert "".join(found["token_strs"]) == SUM
    assert len(found["token_strs"]) == found["count"]


@pytest.mark.parametrize("field", ["messages", "prompt"])
async def test_messages(server: LiveServer, field: str) -> None:
    """A conversation has the tokens of its template, whichever way it is called."""
    body = {field: [{"role": "user", "content": SUM}], "model": "gpt-4o-mini"}

    found = (await sent(server, "/tokenize", body)).json()

    text = (await sent(server, "/detokenize", {"tokens": found["tokens"]})).json()["prompt"]
    assert text.endswith("<|assistant|>")
    assert SUM in text


async def test_what_the_tokenizer_is(server: LiveServer) -> None:
    """The special tokens, as lm-eval reads them; the template is for those who have a key."""
    keyless = (await sent(server, "/tokenizer_info")).json()
    keyed = (await sent(server, "/tokenizer_info", headers=AUTHORIZED)).json()

    assert keyless["eos_token"] == "<|end|>"  # noqa: S105
    assert {"bos_token", "pad_token"} <= keyless.keys()
    assert "assistant" in keyed["chat_template"]
    assert keyless == {**keyed, "chat_template": None}


async def test_the_template_of_a_server_without_keys() -> None:
    """Where there are no keys everybody has access."""
    with serving() as open_to_all:
        found = (await sent(open_to_all, "/tokenizer_info")).json()

    assert "assistant" in found["chat_template"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tokenize", {"prompt": "a", "model": "none"}),
        ("/tokenize", {"prompt": "a", "model": "whisper-1"}),
        ("/detokenize", {"tokens": [5], "model": "none"}),
        ("/tokenizer_info?model=none", None),
    ],
)
async def test_model_names_take_a_key(server: LiveServer, path: str, body: Any) -> None:
    """Without one, an error repeats the name that was sent, and tells no other."""
    keyless = (await sent(server, path, body)).json()["error"]["message"]
    keyed = (await sent(server, path, body, headers=AUTHORIZED)).json()["error"]["message"]

    assert "toy-chat" in keyed
    assert "toy" not in keyless
    assert keyed.startswith(keyless)


async def test_an_endless_model_name(server: LiveServer) -> None:
    """An error does not repeat more of it than a name may have."""
    name = "x" * 20_000

    in_body = await sent(server, "/tokenize", {"prompt": "a", "model": name})
    in_url = await sent(server, f"/tokenizer_info?model={name}")

    assert [in_body.status_code, in_url.status_code] == [400, 404]
    assert in_body.json()["error"]["param"] == in_url.json()["error"]["param"] == "model"
    assert len(in_body.content) < 1000
    assert len(in_url.content) < 1000


async def test_how_long_a_text_may_be(server: LiveServer) -> None:
    """A text far beyond the context is tokenized, one beyond the limit of bytes is not."""
    characters = (1 << 18) - 1000

    found = await sent(server, "/tokenize", text("\U0001f600" * characters))
    refused = await sent(server, "/tokenize", text("a" * (1 << 20)))

    assert found.json()["count"] == 4 * characters
    assert "".join(found.json()["token_strs"]).count("\ufffd") == 4 * characters
    assert refused.status_code == 413


@pytest.mark.slow
async def test_many_long_texts_at_once() -> None:
    """They take the memory of two, one after the other; and short ones do not wait for them."""
    long = text("\U0001f600" * ((1 << 18) - 1000))
    with serving("--api-key", KEY) as live:
        alone, *_ = [await sent(live, "/tokenize", long, timeout=60)]
        before = peak(live)
        many = [asyncio.create_task(sent(live, "/tokenize", long, timeout=60)) for _ in range(24)]
        short = await sent(live, "/tokenize", {"prompt": "a"}, timeout=60)
        left = sum(not answer.done() for answer in many)
        counts = {answer.json()["count"] for answer in await asyncio.gather(*many)}
        grown = peak(live) - before

    assert short.status_code == 200
    assert left > 12
    assert counts == {alone.json()["count"]}
    assert grown < 500 << 20


def peak(server: LiveServer) -> int:
    """Return the most bytes of memory that *server* has taken."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) << 10


def text(prompt: str) -> dict[str, Any]:
    """Return a request for the tokens of *prompt* and their texts."""
    return {"prompt": prompt, "add_special_tokens": False, "return_token_strs": True}


async def test_an_embedding_model(fakes: LiveServer) -> None:
    """Whoever cuts texts for an embedding model counts its tokens here; a speech model has none."""
    there = await sent(fakes, "/tokenize", {"prompt": "ab", "model": "vectors"})
    speech = await sent(fakes, "/tokenize", {"prompt": "ab", "model": "lines"})

    assert there.json()["tokens"] == [97, 98]
    assert (speech.status_code, speech.json()["error"]["param"]) == (404, "model")


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("/tokenize", {}, 400, "prompt"),
        (
            "/tokenize",
            {"prompt": "a", "messages": [{"role": "user", "content": "a"}]},
            400,
            "prompt",
        ),
        ("/tokenize", {"prompt": "a", "model": "none"}, 404, "model"),
        ("/tokenize", {"prompt": "a", "model": "whisper-1"}, 404, "model"),
        (
            "/tokenize",
            {"messages": [{"role": "user", "content": "a"}], "continue_final_message": True},
            400,
            "continue_final_message",
        ),
        (
            "/tokenize",
            {
                "messages": [{"role": "user", "content": "a"}],
                "continue_final_message": True,
                "add_generation_prompt": True,
            },
            400,
            "continue_final_message",
        ),
        ("/tokenize", {"prompt": "a", "chat_template": "b"}, 400, "chat_template"),
        ("/tokenize", {"prompt": "a", "truncate_prompt_tokens": 1}, 400, "truncate_prompt_tokens"),
        ("/detokenize", {"tokens": [1], "skip_special_tokens": True}, 400, "skip_special_tokens"),
        ("/detokenize", {"tokens": [10**6]}, 400, "tokens"),
        ("/detokenize", {"tokens": [-1]}, 400, "tokens[0]"),
        ("/detokenize", {"tokens": "a"}, 400, "tokens"),
    ],
)
async def test_refusals(server: LiveServer, path: str, body: Any, status: int, param: str) -> None:
    """What is wrong is refused in OpenAI's shape."""
    answer = await sent(server, path, body)

    assert answer.status_code == status
    assert answer.json()["error"]["param"] == param


async def test_a_key_if_the_server_wants_one() -> None:
    """With `tokenizer_needs_key` these routes are like any other."""
    with serving("--api-key", KEY, SHIM_TOKENIZER_NEEDS_KEY="true") as live:
        keyless = await sent(live, "/tokenizer_info")
        keyed = await sent(live, "/tokenizer_info", headers=AUTHORIZED)

    assert (keyless.status_code, keyed.status_code) == (401, 200)


async def test_where_the_prompt_ends(server: LiveServer) -> None:
    """The tokens of a conversation may leave out where the assistant begins."""
    messages = [{"role": "user", "content": "Hi"}]

    whole = (await sent(server, "/tokenize", {"messages": messages})).json()["tokens"]
    body = {"messages": messages, "add_generation_prompt": False}
    turns = (await sent(server, "/tokenize", body)).json()["tokens"]

    assert len(turns) < len(whole)
    assert whole[: len(turns)] == turns
