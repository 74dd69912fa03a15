"""Full queues, and clients that leave."""

import asyncio

import openai

from tools.attack.attack import attack
from tools.attack.attacker import Attacker
from tools.attack.wire import KEY, chat, exchange, get, post

CHATS = "/v1/chat/completions"


@attack("held", "fakes", 200, quick=True)
async def retries_at_a_full_queue(attacker: Attacker) -> None:
    """Ask by 40 stock clients, three retries each, at 1 running and 4 waiting: all get through."""
    attacker.begin()
    base = f"http://127.0.0.1:{attacker.port}/v1"

    async def one(client: openai.AsyncOpenAI) -> None:
        try:
            await client.chat.completions.create(**{**chat("one two three"), "model": "narrow"})
        except openai.OpenAIError as error:
            attacker.seen.outcomes[str(getattr(error, "status_code", "reset"))] += 1
        else:
            attacker.seen.outcomes["200"] += 1

    async with openai.AsyncOpenAI(base_url=base, api_key=KEY, max_retries=3) as client:
        await asyncio.gather(*(one(client) for _ in range(40)))


@attack("held", "fakes", 200)
async def left_with_a_request_behind(attacker: Attacker) -> None:
    """Leave a stream with a second request pipelined behind it: the slot has to become free."""
    stream = {**chat("word " * 900), "model": "narrow", "stream": True}
    request = post(CHATS, stream, Connection="keep-alive") + get("/health")
    await _leave(attacker, request, count=1)
    await attacker.send(post(CHATS, {**chat("one"), "model": "narrow"}), seconds=10)


@attack("held", "fakes", 200)
async def left_in_the_queue(attacker: Attacker) -> None:
    """Leave 300 requests as soon as they are sent; the next one is answered at once."""
    request = post(CHATS, {**chat("word " * 900), "model": "narrow"})
    for _ in range(3):
        await _leave(attacker, request, count=100)
    await asyncio.sleep(0.5)
    await attacker.send(post(CHATS, {**chat("one"), "model": "narrow"}), seconds=10)


@attack("held", "builtin", 200)
async def left_by_hundreds(attacker: Attacker) -> None:
    """Leave 300 streams, each in the middle, at moments that differ."""
    body = chat("Tell me a story.", stream=True, n=4, max_tokens=200)
    for _ in range(6):
        await _leave(attacker, post(CHATS, body), count=50)
    await attacker.send(post(CHATS, chat()), seconds=30)


@attack("items", "builtin", 200, 400, 429, 503)
async def a_queue_of_prompts(attacker: Attacker) -> None:
    """POST completions of 2,000 prompts, as many as are allowed, four at once."""
    body = {"model": "gpt-4o-mini", "prompt": ["What is"] * 2000, "max_tokens": 4}
    await attacker.flood(post("/v1/completions", body), at_once=4, most=4, seconds=90)


async def _leave(attacker: Attacker, request: bytes, *, count: int) -> None:
    attacker.begin()

    async def one(at: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", attacker.port)
        writer.write(request)
        await writer.drain()
        await asyncio.sleep(0.01 * at)
        if at % 2:
            writer.transport.abort()  # a reset; the others close
        writer.close()
        del reader

    await asyncio.gather(*(one(at) for at in range(count)))


@attack("held", "fakes", 200)
async def places_that_come_back(attacker: Attacker) -> None:
    """Ask five at once, before and after 200 requests that fail: all places are free again."""
    bad = {**chat("x"), "model": "narrow", "n": 0}
    await attacker.each([post(CHATS, {**chat("one"), "model": "narrow"})] * 5, seconds=20)
    # Side by side: the same refusal, again and again, is delayed.
    refused = post(CHATS, bad)
    await asyncio.gather(*(exchange(attacker.port, refused, seconds=5) for _ in range(200)))
    await attacker.each([post(CHATS, {**chat("one"), "model": "narrow"})] * 5, seconds=20)
