"""The tokenizer at the server's root, as harnesses ask it: without a key, without a model."""

from typing import Any

import httpx
import pytest

from tests.live import KEY, LiveServer, serving

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
    """The special tokens and the template, as lm-eval reads them."""
    found = (await sent(server, "/tokenizer_info")).json()

    assert found["eos_token"] == "<|end|>"  # noqa: S105
    assert {"bos_token", "pad_token", "chat_template"} <= found.keys()


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
        keyed = await sent(live, "/tokenizer_info", headers={"authorization": f"Bearer {KEY}"})

    assert (keyless.status_code, keyed.status_code) == (401, 200)


async def test_where_the_prompt_ends(server: LiveServer) -> None:
    """The tokens of a conversation may leave out where the assistant begins."""
    messages = [{"role": "user", "content": "Hi"}]

    whole = (await sent(server, "/tokenize", {"messages": messages})).json()["tokens"]
    body = {"messages": messages, "add_generation_prompt": False}
    turns = (await sent(server, "/tokenize", body)).json()["tokens"]

    assert len(turns) < len(whole)
    assert whole[: len(turns)] == turns
