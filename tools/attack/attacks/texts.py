"""Long texts: what they cost before somebody sees that they cannot fit."""

from tools.attack.attack import attack
from tools.attack.attacker import Attacker
from tools.attack.wire import chat, post

MB = 1_000_000
_WORDS = "one two three four "


def _text(size: int) -> str:
    return (_WORDS * (size // len(_WORDS) + 1))[:size]


@attack("work", "builtin", 400, 413, 503, quick=True)
async def tokenize_of_16_mb(attacker: Attacker) -> None:
    """POST `/tokenize` with a text of 16 MB, without a key."""
    await attacker.flood(post("/tokenize", {"prompt": _text(16 * MB)}, key=False))


@attack("work", "builtin", 200, 400, 503)
async def tokenize_of_1_mb(attacker: Attacker) -> None:
    """POST `/tokenize` with a text of 1 MB, without a key, four at once."""
    await attacker.flood(post("/tokenize", {"prompt": _text(MB)}, key=False), at_once=4)


@attack("work", "builtin", 400, 413, 503)
async def tokenize_of_a_conversation(attacker: Attacker) -> None:
    """POST `/tokenize` with a conversation of 4 MB, without a key."""
    await attacker.flood(
        post("/tokenize", {"messages": chat(_text(4 * MB))["messages"]}, key=False)
    )


@attack("work", "builtin", 200, 400, 503)
async def tokenize_of_one_word(attacker: Attacker) -> None:
    """POST `/tokenize` with a single word of 1 MB, which no tokenizer splits beforehand."""
    await attacker.flood(post("/tokenize", {"prompt": "a" * MB}, key=False))


@attack("work", "builtin", 200, 400, 503)
async def tokenize_of_combining_marks(attacker: Attacker) -> None:
    """POST `/tokenize` with a letter under 400,000 combining marks of alternating classes."""
    text = "a" + "\u0301\u0323" * 200_000
    await attacker.flood(post("/tokenize", f'{{"prompt": "{text}"}}'.encode(), key=False))


@attack("work", "builtin", 400, 413, 503, quick=True)
async def chat_of_60_mb(attacker: Attacker) -> None:
    """POST a chat whose message has 60 MB, with a key, two at once."""
    await attacker.flood(post("/v1/chat/completions", chat(_text(60 * MB))))


@attack("work", "builtin", 400, 413, 503)
async def chat_of_4_mb(attacker: Attacker) -> None:
    """POST a chat whose message has 4 MB, four at once."""
    await attacker.flood(post("/v1/chat/completions", chat(_text(4 * MB))), at_once=4)


@attack("work", "builtin", 400, 413, 503)
async def chat_of_escaped_letters(attacker: Attacker) -> None:
    """POST a chat of 10 million letters, each written as an escape of six bytes."""
    body = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"%s"}]}'
    await attacker.flood(post("/v1/chat/completions", body % (rb"\u0061" * 10_000_000)))


@attack("work", "builtin", 400, 413, 503)
async def completion_of_60_mb(attacker: Attacker) -> None:
    """POST a completion whose prompt has 60 MB."""
    body = {"model": "gpt-4o-mini", "prompt": _text(60 * MB)}
    await attacker.flood(post("/v1/completions", body))


@attack("work", "builtin", 400, 413, 503)
async def completion_of_5_million_ids(attacker: Attacker) -> None:
    """POST a completion whose prompt is 5 million token ids."""
    body = b'{"model":"gpt-4o-mini","prompt":[' + b"7," * 5_000_000 + b"7]}"
    await attacker.flood(post("/v1/completions", body))


@attack("work", "builtin", 400, 413, 503)
async def response_of_60_mb(attacker: Attacker) -> None:
    """POST a response whose instructions have 60 MB."""
    body = {"model": "gpt-4o-mini", "input": "hello", "instructions": _text(60 * MB)}
    await attacker.flood(post("/v1/responses", body))


@attack("work", "fakes", 400, 413, 503)
async def embedding_of_60_mb(attacker: Attacker) -> None:
    """POST an embedding of a text of 60 MB."""
    await attacker.flood(post("/v1/embeddings", {"model": "vectors", "input": _text(60 * MB)}))


@attack("work", "builtin", 200, 400, 413, 503)
async def detokenize_of_4_million(attacker: Attacker) -> None:
    """POST `/detokenize` with 4 million token ids, without a key."""
    body = b'{"tokens":[' + b"70," * 4_000_000 + b"70]}"
    await attacker.flood(post("/detokenize", body, key=False))


@attack("work", "builtin", 400, 413, 503)
async def image_of_40_mb(attacker: Attacker) -> None:
    """POST a chat with an image of 40 MB in base64 to a model that reads text only."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * (40 * MB)}}
    await attacker.flood(post("/v1/chat/completions", chat([image])))


@attack("work", "builtin", 400, 413, 503)
async def tool_of_16_mb(attacker: Attacker) -> None:
    """POST a chat with a tool whose description has 16 MB."""
    function = {"name": "f", "description": _text(16 * MB), "parameters": {"type": "object"}}
    body = chat(tools=[{"type": "function", "function": function}])
    await attacker.flood(post("/v1/chat/completions", body))


@attack("work", "builtin", 200, 400, 413, 503)
async def template_arguments_of_16_mb(attacker: Attacker) -> None:
    """POST `/tokenize` with `chat_template_kwargs` of 16 MB, without a key."""
    body = {"messages": chat()["messages"], "chat_template_kwargs": {"words": _text(16 * MB)}}
    await attacker.flood(post("/tokenize", body, key=False))


@attack("held", "builtin", 401, "reset")
async def wrong_key_and_60_mb(attacker: Attacker) -> None:
    """POST a chat of 60 MB without a key: refused before the body is read."""
    await attacker.flood(post("/v1/chat/completions", chat(_text(60 * MB)), key=False), most=10)


@attack("work", "builtin", 200, 400, 413)
async def number_of_a_million_digits(attacker: Attacker) -> None:
    """POST a chat whose `seed`, `max_tokens` or `temperature` has a million digits."""
    digits = b"7" * MB
    fields = (b'"seed":%s' % digits, b'"max_tokens":%s' % digits, b'"temperature":0.%s1' % digits)
    body = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"a"}],%s}'
    requests = [post("/v1/chat/completions", body % field) for field in fields]
    await attacker.flood(*requests)


@attack("work", "builtin", 400, 413, 503)
async def lists_in_lists(attacker: Attacker) -> None:
    """POST a chat whose `tools` nest a million lists, or is cut after a million brackets."""
    body = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"a"}],"tools":%s}'
    deep = body % (b"[" * MB + b"]" * MB)
    await attacker.flood(
        post("/v1/chat/completions", deep), post("/v1/chat/completions", b"[" * MB)
    )
