"""vLLM: its tokenizer, its rendering, its grammars, its lists; nothing may kill the engine."""

from tools.attack.attack import attack
from tools.attack.attacker import Attacker
from tools.attack.wire import chat, post

CHATS = "/v1/chat/completions"
TEXTS = "/v1/completions"
MB = 1_000_000


@attack("work", "vllm", 400, 413, 503)
async def vllm_tokenize_of_4_mb(attacker: Attacker) -> None:
    """POST `/tokenize` with a text of 4 MB, without a key."""
    await attacker.flood(post("/tokenize", {"prompt": "one two " * (MB // 2)}, key=False))


@attack("work", "vllm", 200, 400, 503)
async def vllm_tokenize_of_1_mb(attacker: Attacker) -> None:
    """POST `/tokenize` with a text of 1 MB and `return_token_strs`, without a key."""
    body = {"prompt": "one two " * (MB // 8), "return_token_strs": True}
    await attacker.flood(post("/tokenize", body, key=False))


@attack("work", "vllm", 400, 413, 503)
async def vllm_chat_of_60_mb(attacker: Attacker) -> None:
    """POST a chat whose message has 60 MB."""
    await attacker.flood(post(CHATS, chat("one two " * (60 * MB // 8))))


@attack("work", "vllm", 400, 413, 503)
async def vllm_chat_of_1_mb(attacker: Attacker) -> None:
    """POST chats whose message has 1 MB, eight at once."""
    await attacker.flood(post(CHATS, chat("one two " * (MB // 8))), at_once=8)


@attack("items", "vllm", 400, 413, 429)
async def vllm_prompts_by_100_000(attacker: Attacker) -> None:
    """POST a completion of 100,000 prompts of one letter."""
    await attacker.flood(post(TEXTS, {"model": "gpt-4o-mini", "prompt": ["a"] * 100_000}))


@attack("items", "vllm", 200, 400, 413, 429)
async def vllm_prompts_below_the_limit(attacker: Attacker) -> None:
    """POST completions of 2,000 prompts of one letter and one token, two at once."""
    body = {"model": "gpt-4o-mini", "prompt": ["a"] * 2000, "max_tokens": 1}
    await attacker.flood(post(TEXTS, body), at_once=2, most=4, seconds=90)


@attack("items", "vllm", 400, 413, 429)
async def vllm_prompts_times_n(attacker: Attacker) -> None:
    """POST a completion of 3,000 prompts with `n` 128."""
    await attacker.flood(post(TEXTS, {"model": "gpt-4o-mini", "prompt": ["a"] * 3000, "n": 128}))


@attack("items", "vllm", 200, 400, 429, 503)
async def vllm_logprobs_of_128_choices(attacker: Attacker) -> None:
    """POST chats with `n` 128, 20 rivals for each token, and 200 tokens."""
    body = chat("Tell me a story.", n=128, logprobs=True, top_logprobs=20, max_tokens=200)
    await attacker.flood(post(CHATS, body), most=4, seconds=90)


@attack("items", "vllm", 200, 400, 503)
async def vllm_logprobs_of_the_prompt(attacker: Attacker) -> None:
    """POST chats that want the log probabilities of the prompt over the vocabulary, 8 at once."""
    story = "one two three " * 100
    await attacker.flood(
        post(CHATS, chat(story, prompt_logprobs=20, max_tokens=1)),
        post(CHATS, chat(story, prompt_logprobs=-1, max_tokens=1)),
        at_once=8,
    )


@attack("work", "vllm", 200, 400, 503)
async def vllm_grammar_bombs(attacker: Attacker) -> None:
    """POST chats with schemas, patterns and grammars that explode."""
    nested: dict[str, object] = {"type": "string"}
    for _ in range(60):
        nested = {"type": "array", "items": nested, "minItems": 1000, "maxItems": 1000}
    repeated = {"type": "string", "pattern": "((a{1,1000}){1,1000}){1,1000}"}
    fields = {f"k{at}": {"type": "string"} for at in range(5000)}
    requests = [
        chat(max_tokens=4, response_format=_schema(schema))
        for schema in (nested, repeated, {"type": "object", "properties": fields})
    ]
    forms: tuple[dict[str, object], ...] = (
        {"regex": "((a{1,1000}){1,1000}){1,1000}"},
        {"regex": "(" * 5000 + "a" + ")" * 5000},
        {"grammar": "root ::= root root | root"},
        {"grammar": "root ::= " + " | ".join(f'"{at}"' for at in range(20_000))},
        {"choice": ["a" * 100 + str(at) for at in range(4000)]},
    )
    requests += [chat(max_tokens=4, structured_outputs=form) for form in forms]
    await attacker.flood(*(post(CHATS, body) for body in requests), seconds=60)


@attack("work", "vllm", 400, 403)
async def vllm_template_bombs(attacker: Attacker) -> None:
    """POST chats with templates that loop 10^12 times or compute 10^10^10."""
    loop = "{% for a in range(1000000) %}{% for b in range(1000000) %}x{% endfor %}{% endfor %}"
    await attacker.flood(
        post(CHATS, chat(chat_template=loop)),
        post(CHATS, chat(chat_template="{{ 10 ** 10 ** 10 }}")),
    )


@attack("items", "vllm", 200, 400, 413, 503)
async def vllm_lists(attacker: Attacker) -> None:
    """POST chats with long lists: bad words, stop strings, biases, token ids, documents."""
    await attacker.flood(
        post(CHATS, chat(max_tokens=1, bad_words=[f"w{at}" for at in range(4000)])),
        post(CHATS, chat(max_tokens=1, stop=[f"s{at}" for at in range(250)])),
        post(CHATS, chat(max_tokens=1, logit_bias={str(at % 900): 1 for at in range(4000)})),
        post(CHATS, chat(max_tokens=1, stop_token_ids=[7] * 4000)),
        post(CHATS, chat(max_tokens=1, allowed_token_ids=[7] * 400_000)),
        post(CHATS, chat(max_tokens=1, documents=[{"text": "a"}] * 4000)),
    )


@attack("work", "vllm", 200, 400, 503)
async def vllm_numbers(attacker: Attacker) -> None:
    """POST chats with extreme numbers: seeds, penalties, temperatures, a truncation to nothing."""
    fields: tuple[dict[str, object], ...] = (
        {"seed": int("9" * 300)},
        {"seed": -(2**63)},
        {"temperature": 1e-300},
        {"top_k": 2**31 - 1},
        {"min_p": 1.0, "top_p": 1e-9},
        {"repetition_penalty": 1e30},
        {"truncate_prompt_tokens": 1},
        {"min_tokens": 2**31 - 1},
        {"priority": -(2**31)},
    )
    await attacker.flood(*(post(CHATS, chat(max_tokens=2, **given)) for given in fields))


def _schema(schema: object) -> dict[str, object]:
    return {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
