"""Whether the one slot of the models `one`, `one-line` and `one-vector` is taken.

A request that is too long for its model tells without taking it: it is refused with 429 if so,
else, once admitted, with 400 and before anything is awaited.
"""

import time

import httpx

from tests.client.stock import says

SECONDS = 20
"""Until a slot must be taken or free: generous, as the machine may be busy."""


async def chat_status(http: httpx.AsyncClient) -> int:
    """Return 429 if the slot of `one` is taken, else 400."""
    body = {"model": "one", "messages": says("word " * 3000)}
    return (await http.post("chat/completions", json=body)).status_code


async def speech_status(http: httpx.AsyncClient) -> int:
    """Return 429 if the slot of `one-line` is taken, else 400."""
    upload = {"data": {"model": "one-line"}, "files": {"file": b"\xff"}}
    return (await http.post("audio/transcriptions", **upload)).status_code


async def embedding_status(http: httpx.AsyncClient) -> int:
    """Return 429 if the slot of `one-vector` is taken, else 400."""
    body = {"model": "one-vector", "input": "word " * 11}
    return (await http.post("embeddings", json=body)).status_code


STATUS = {"one": chat_status, "one-line": speech_status, "one-vector": embedding_status}


async def reaches(http: httpx.AsyncClient, model: str, status: int) -> bool:
    """Ask until the slot of *model* is taken (429) or free (400)."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if await STATUS[model](http) == status:
            return True
    return False
