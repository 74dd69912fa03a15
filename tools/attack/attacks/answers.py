"""Small requests with large answers, and patterns that explode."""

from tools.attack.attack import attack
from tools.attack.attacker import Attacker
from tools.attack.wire import chat, post

CHATS = "/v1/chat/completions"


@attack("items", "builtin", 200, 400, 429, 503)
async def logprobs_of_128_choices(attacker: Attacker) -> None:
    """POST chats with `n` 128, 20 rivals for each token, and all tokens that fit."""
    body = chat("Tell me a story.", n=128, logprobs=True, top_logprobs=20, max_tokens=200)
    await attacker.flood(post(CHATS, body), at_once=2, seconds=60)


@attack("items", "builtin", 200, 400, 429, 503)
async def choices_streamed(attacker: Attacker) -> None:
    """POST chats with `n` 128 as a stream, eight at once."""
    body = chat("Tell me a story.", n=128, stream=True, max_tokens=200)
    await attacker.flood(post(CHATS, body), at_once=8, seconds=60)


@attack("items", "builtin", 200, 400, 429, 503)
async def echoes_with_logprobs(attacker: Attacker) -> None:
    """POST completions of 200 prompts that are echoed with 20 rivals for each token."""
    prompt = ["one two three four " * 10] * 200
    body = {"model": "gpt-4o-mini", "prompt": prompt, "echo": True, "logprobs": 20, "max_tokens": 1}
    await attacker.flood(post("/v1/completions", body), at_once=2, seconds=60)


@attack("items", "builtin", 400)
async def best_of_a_billion(attacker: Attacker) -> None:
    """POST completions with `best_of`, `n` and `max_tokens` of a billion."""
    base = {"model": "gpt-4o-mini", "prompt": "a"}
    await attacker.flood(
        post("/v1/completions", {**base, "best_of": 10**9}),
        post("/v1/completions", {**base, "n": 10**9}),
        post("/v1/completions", {**base, "max_tokens": 10**9}),
        post(CHATS, chat(n=10**9)),
        post(CHATS, chat(max_tokens=10**18)),
    )


@attack("work", "builtin", 400)
async def grammar_bombs(attacker: Attacker) -> None:
    """POST chats with schemas, patterns and grammars that explode."""
    nested: object = {"type": "string"}
    for _ in range(200):
        nested = (
            {"anyOf": [nested, {"type": "array", "items": nested}]}
            if _ < 12
            else {"type": "array", "items": nested}
        )
    pattern = {"type": "string", "pattern": "((a{1,1000}){1,1000}){1,1000}"}
    await attacker.flood(
        post(CHATS, chat(response_format=_schema(nested))),
        post(CHATS, chat(response_format=_schema(pattern))),
        post(CHATS, chat(structured_outputs={"regex": "(a*)*b(x+x+)+y"})),
        post(CHATS, chat(structured_outputs={"grammar": "root ::= root root | root"})),
        post(CHATS, chat(structured_outputs={"choice": ["a" * 1000] * 1000})),
    )


@attack("work", "builtin", 200, 400, 403, quick=True)
async def template_bombs(attacker: Attacker) -> None:
    """POST chats with templates that loop 10^12 times, and arguments that look like templates."""
    loop = "{% for a in range(1000000) %}{% for b in range(1000000) %}x{% endfor %}{% endfor %}"
    power = "{{ 10 ** 10 ** 10 }}"
    await attacker.flood(
        post(CHATS, chat(chat_template=loop)),
        post(CHATS, chat(chat_template=power)),
        post(CHATS, chat(power, max_tokens=1, chat_template_kwargs={"x": loop})),
        post("/tokenize", {"messages": chat()["messages"], "chat_template": loop}, key=False),
    )


@attack("work", "builtin", 200, 400)
async def template_arguments_that_shadow(attacker: Attacker) -> None:
    """POST `/tokenize` with template arguments that replace what the template calls, keyless."""
    messages = chat()["messages"]
    names = ("messages", "raise_exception", "bos_token", "loop", "range", "self", "tools")
    await attacker.flood(
        *(
            post(
                "/tokenize",
                {"messages": messages, "chat_template_kwargs": {name: value}},
                key=False,
            )
            for name in names
            for value in ([1] * 10_000, "x" * 100_000, {"a": {"b": 1}})
        )
    )


def _schema(schema: object) -> dict[str, object]:
    return {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
