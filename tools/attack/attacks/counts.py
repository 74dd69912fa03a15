"""Many items in few bytes, and errors that repeat what was sent."""

from tools.attack.attack import attack
from tools.attack.attacker import Attacker
from tools.attack.wire import chat, get, post

CHATS = "/v1/chat/completions"


@attack("items", "builtin", 400, 413, 503, quick=True)
async def unknown_keys(attacker: Attacker) -> None:
    """POST a chat with 4 million unknown keys, in strict mode."""
    keys = b",".join(b'"k%d":0' % at for at in range(4_000_000))
    body = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"a"}],%s}' % keys
    await attacker.flood(post(CHATS, body, x_shim_strict="true"))


@attack("items", "builtin", 400, 413, 503)
async def logit_bias_of_a_million(attacker: Attacker) -> None:
    """POST a chat whose `logit_bias` has a million entries."""
    entries = b",".join(b'"%d":1' % at for at in range(1_000_000))
    body = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"a"}],"logit_bias":{%s}}'
    await attacker.flood(post(CHATS, body % entries))


@attack("items", "builtin", 400, 413, 503)
async def messages_by_100_000(attacker: Attacker) -> None:
    """POST a chat of 100,000 messages; the same to `/tokenize`, without a key."""
    messages = [{"role": "user", "content": "a"}] * 100_000
    await attacker.flood(
        post(CHATS, {"model": "gpt-4o-mini", "messages": messages}),
        post("/tokenize", {"messages": messages}, key=False),
    )


@attack("items", "builtin", 200, 400, 413, 503)
async def messages_below_the_limit(attacker: Attacker) -> None:
    """POST `/tokenize` with 8,000 messages of a letter, without a key, four at once."""
    body = {"messages": [{"role": "user", "content": "a"}] * 8_000}
    await attacker.flood(post("/tokenize", body, key=False), at_once=4)


@attack("items", "builtin", 400, 413, 503)
async def tools_by_20_000(attacker: Attacker) -> None:
    """POST a chat with 20,000 tools; the same to `/tokenize`, without a key."""
    tools = [{"type": "function", "function": {"name": f"f{at}"}} for at in range(20_000)]
    await attacker.flood(
        post(CHATS, chat(tools=tools)),
        post("/tokenize", {"messages": chat()["messages"], "tools": tools}, key=False),
    )


@attack("items", "builtin", 400, 413, 429, 503, quick=True)
async def prompts_times_n(attacker: Attacker) -> None:
    """POST a completion of 3,000 prompts with `n` 128."""
    body = {"model": "gpt-4o-mini", "prompt": ["a"] * 3_000, "n": 128}
    await attacker.flood(post("/v1/completions", body))


@attack("items", "builtin", 400, 413, 429, 503)
async def prompts_by_100_000(attacker: Attacker) -> None:
    """POST a completion of 100,000 prompts of one letter."""
    body = {"model": "gpt-4o-mini", "prompt": ["a"] * 100_000}
    await attacker.flood(post("/v1/completions", body))


@attack("items", "fakes", 400, 413, 429, 503)
async def inputs_by_100_000(attacker: Attacker) -> None:
    """POST an embedding of 100,000 inputs of one letter."""
    body = {"model": "vectors", "input": ["a"] * 100_000}
    await attacker.flood(post("/v1/embeddings", body))


@attack("items", "builtin", 400, 404, 413, quick=True)
async def model_of_10_mb(attacker: Attacker) -> None:
    """POST a chat, an embedding, a completion and `/tokenize` with a `model` of 10 MB."""
    model = "m" * 10_000_000
    await attacker.flood(
        post(CHATS, {**chat(), "model": model}),
        post("/v1/embeddings", {"model": model, "input": "a"}),
        post("/v1/completions", {"model": model, "prompt": "a"}),
        post("/tokenize", {"model": model, "prompt": "a"}, key=False),
    )


@attack("items", "builtin", 200, 400, 413, 503)
async def token_strings(attacker: Attacker) -> None:
    """POST `/tokenize` with 0.5 MB and `return_token_strs`, without a key, four at once."""
    body = {"prompt": "one two three four " * 26_000, "return_token_strs": True}
    await attacker.flood(post("/tokenize", body, key=False), at_once=4)


@attack("items", "builtin", 400, 413, 503)
async def parts_by_a_million(attacker: Attacker) -> None:
    """POST a chat whose one message has a million parts; the same to `/v1/responses`."""
    part = b'{"type":"%s","text":"a"}'
    chats = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":[%s]}]}'
    inputs = b'{"model":"gpt-4o-mini","input":[{"role":"user","content":[%s]}]}'
    await attacker.flood(
        post(CHATS, chats % b",".join([part % b"text"] * 1_000_000)),
        post("/v1/responses", inputs % b",".join([part % b"input_text"] * 1_000_000)),
    )


@attack("items", "builtin", 200, 400, 413, 503)
async def stop_strings(attacker: Attacker) -> None:
    """POST a chat with 100,000 stop strings, or with one of 1 MB."""
    await attacker.flood(
        post(CHATS, chat(stop=[f"s{at}" for at in range(100_000)])),
        post(CHATS, chat(stop=["x" * 1_000_000])),
    )


@attack("items", "builtin", 400, 413, 503)
async def items_by_100_000(attacker: Attacker) -> None:
    """POST a response of 100,000 items, one with as many `include`s, one with `metadata`."""
    item = {"type": "message", "role": "user", "content": "a"}
    base = {"model": "gpt-4o-mini", "input": "a"}
    await attacker.flood(
        post("/v1/responses", {**base, "input": [item] * 100_000}),
        post("/v1/responses", {**base, "include": ["message.output_text.logprobs"] * 100_000}),
        post("/v1/responses", {**base, "metadata": {f"k{at}": "v" for at in range(100_000)}}),
    )


@attack("items", "builtin", 400, 413, 503)
async def lists_of_engine_options(attacker: Attacker) -> None:
    """POST chats with 400,000 `stop_token_ids`, `allowed_token_ids`, or `bad_words`."""
    await attacker.flood(
        post(CHATS, chat(stop_token_ids=[7] * 400_000)),
        post(CHATS, chat(allowed_token_ids=[7] * 400_000)),
        post(CHATS, chat(bad_words=["a"] * 400_000)),
    )


@attack("items", "builtin", 400, 413)
async def repeated_by_the_error(attacker: Attacker) -> None:
    """POST chats in which a value of 4 MB is wrong: the role, a type, an effort, a tool's name."""
    word = "w" * 4_000_000
    await attacker.flood(
        post(CHATS, {"model": "gpt-4o-mini", "messages": [{"role": word, "content": "a"}]}),
        post(CHATS, chat([{"type": word, "text": "a"}])),
        post(CHATS, chat(reasoning_effort=word)),
        post(CHATS, chat(logit_bias={word: 1})),
        post(CHATS, chat(tool_choice={"type": "function", "function": {"name": word}})),
        post("/v1/responses", {"model": "gpt-4o-mini", "input": [{"type": word}]}),
        post(CHATS, {**chat(), word: 1}, x_shim_strict="true"),
    )


@attack("items", "builtin", 400, 401, 404, 413, 414, 415, 431)
async def repeated_of_the_head(attacker: Attacker) -> None:
    """Send paths, queries, methods and headers of 60 KB, each wrong."""
    word = "w" * 60_000
    await attacker.flood(
        get(f"/{word}"),
        get(f"/v1/models/{word}"),
        get(f"/tokenizer_info?model={word}", key=False),
        post(CHATS, chat(), x_shim_strict=word),
        post(CHATS, chat(), Content_Type=f"text/{word}"),
        post(CHATS, chat(), key=False, Authorization=f"Bearer {word}"),
    )


@attack("items", "builtin", 200, 400, 413, 503)
async def keys_that_collide(attacker: Attacker) -> None:
    """POST a chat in which one key comes 500,000 times, and one with as many template arguments."""
    again = b'{"model":"gpt-4o-mini","max_tokens":1,"messages":[{"role":"user","content":"a"}]%s}'
    arguments = {f"k{at}": 1 for at in range(100_000)}
    await attacker.flood(
        post(CHATS, again % (b',"user":"a"' * 500_000)),
        post(CHATS, chat(max_tokens=1, chat_template_kwargs=arguments)),
    )


@attack("items", "builtin", 200, 400, 431)
async def headers_by_thousands(attacker: Attacker) -> None:
    """GET `/health` with 5,000 headers, with 5,000 cookies, with one name 5,000 times."""
    await attacker.flood(
        get("/health", **{f"x-{at}": "v" for at in range(5_000)}),
        get("/health", cookie="; ".join(f"c{at}=v" for at in range(5_000))),
        get("/health").replace(b"\r\n\r\n", b"\r\n" + b"x-a: b\r\n" * 5_000 + b"\r\n"),
    )
