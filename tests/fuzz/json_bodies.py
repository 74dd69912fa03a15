"""Send mutated bodies to all JSON routes: `python -m tests.fuzz.json_bodies --cases 5000 --seed 1`.

No answer may be a 5xx, none may take longer than a minute, every refusal has OpenAI's shape, every
stream its end, and in the end the models answer what they answered in the beginning.
"""

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import idefics
from tests.fuzz.bodies import valid
from tests.fuzz.damage import damaged
from tests.fuzz.mutations import encoded, mutated
from tests.fuzz.sending import Case, run
from tests.live import (
    KEY,
    MODELS,
    TOY_CHAT,
    TOY_SPEECH,
    VLLM_OPTIONS,
    LiveServer,
    as_toml,
    serving,
    vllm_config,
)

HEADERS = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
PREFIXES = ("gpt-4o-mini", "toy-chat", "vectors", "nobody")
TYPES = (
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/msgpack",
    "application/json; charset=utf-16",
    "application/octet-stream",
    "image/png",
    "",
)


# ── cases ─────────────────────────────────────────────────────────────────────


def cases(seed: int, count: int) -> Iterator[Case]:
    """Yield *count* requests, the same for the same *seed*."""
    for number in range(count):
        yield _case(random.Random(f"{seed}/{number}"))  # noqa: S311


def _case(draw: random.Random) -> Case:
    route, body = valid(draw)
    content = encoded(mutated(draw, body))
    if draw.random() < 0.1:
        content = damaged(draw, content)
    headers = dict(HEADERS)
    if draw.random() < 0.05:
        headers["content-type"] = draw.choice(TYPES)
    if draw.random() < 0.05:
        headers["x-shim-strict"] = draw.choice(("true", "false", "perhaps"))
    if draw.random() < 0.05:
        route = f"/m/{draw.choice(PREFIXES)}{route}"
    return Case(route, headers, content)


# ── what is asked ─────────────────────────────────────────────────────────────


def _through_vllm(name: str, source: Path, **options: Any) -> str:
    return (
        f'[[models]]\nid = "{name}"\nbackend = "vllm"\nsource = "{source}"\n'
        f"[models.options]\n{as_toml({**VLLM_OPTIONS, **options})}\n"
    )


@contextmanager
def serving_all(*more: str) -> Iterator[LiveServer]:
    """Serve what `vllm_server` does, but through vLLM for embeddings, and what sees images."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        vectors = _through_vllm("vectors", MODELS / "chat-hf", runner="pooling", convert="embed")
        seeing = _through_vllm("seeing", idefics.make(folder), max_model_len=1024)
        config = vllm_config(folder, TOY_CHAT, vectors, seeing, *more)
        with serving("--config", str(config)) as live:
            yield live


def probes() -> list[Case]:
    """Return requests that have to be answered, before and after."""
    body = {"prompt": "What is 2 plus 2?", "temperature": 0, "max_tokens": 8}
    return [
        Case("/v1/completions", HEADERS, encoded({"model": model, **body}))
        for model in ("gpt-4o-mini", "odd", "toy-chat")
    ]


if __name__ == "__main__":
    run(cases, serving_all(TOY_SPEECH), probes())
