"""Schemathesis over the document that is served: `python -m tests.fuzz.openapi --cases 5000`.

It makes requests that fit the document and requests that do not, for every operation, and finds an
answer wrong that is a 5xx, or has a status, a content type or a body that the document does not
say. Most requests are made a little likelier to be answered: they get the name of a model that is
there, few tokens to write, messages or a recording that can be understood, and lose most fields.
"""

import argparse
import base64
import random
import sys
from collections import Counter
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fuzz.json_bodies import serving_all
from tests.live import CLIPS, KEY, TOY_SPEECH, LiveServer

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
CHATS = ("gpt-4o-mini", "toy-chat", "odd")
SECONDS = 60.0
SHORT = {"max_tokens": 4, "max_completion_tokens": 4, "max_output_tokens": 4}
"""What keeps an answer short, where the request does not say it by itself."""
CLIP = min(CLIPS.iterdir(), key=lambda clip: clip.stat().st_size)
LIKELIER = 0.8
"""Share of the requests that are changed."""
FEW = 3
"""Fields, at most, that are left to such a request beside those that it needs."""
NEEDED = {"messages", "prompt", "input", "tokens", "file"}


def explore(server: LiveServer, *, cases: int, number: int = 1) -> Counter[tuple[str, int]]:
    """Send some *cases*; return how often each operation had which status.

    The same *number* gives the same cases. Raises what schemathesis finds wrong, with the request.
    """
    seen: Counter[tuple[str, int]] = Counter()
    found = operations(server)
    share = max(cases // (len(found) * len(GenerationMode)), 1)
    for operation in found:
        for mode in GenerationMode:
            try:
                _explore(server, operation, mode, seen, cases=share, number=number)
            # Of an operation that takes nothing, no request is wrong.
            except Unsatisfiable:
                if mode is GenerationMode.POSITIVE:
                    raise
    return seen


def operations(server: LiveServer) -> list[Any]:
    """Return what the document of *server* describes."""
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    return [found.ok() for found in schema.get_all_operations()]


def answered(server: LiveServer, case: Any) -> Any:
    """Return the answer of *server* to *case*."""
    headers = {"authorization": f"Bearer {KEY}"}
    return case.call(base_url=server.url, headers=headers, timeout=SECONDS)


def check(case: Any, answer: Any) -> None:
    """Raise what is wrong with an *answer* to *case*."""
    case.validate_response(answer, checks=CHECKS)


def _explore(
    server: LiveServer,
    operation: Any,
    mode: GenerationMode,
    seen: Counter[tuple[str, int]],
    *,
    cases: int,
    number: int,
) -> None:
    @seed(number)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), draw=st.randoms())
    def ask(case: Any, draw: random.Random) -> None:
        if draw.random() < LIKELIER:
            _make_likelier(case, draw)
        answer = answered(server, case)
        seen[operation.label, answer.status_code] += 1
        check(case, answer)

    ask()


def _make_likelier(case: Any, draw: random.Random) -> None:
    model = draw.choice(_models(case.path))
    if "model_id" in (case.path_parameters or {}):
        case.path_parameters["model_id"] = model
    if not isinstance(case.body, dict):
        return
    fields = [name for name in case.body if name not in NEEDED]
    for name in draw.sample(fields, max(len(fields) - draw.randint(0, FEW), 0)):
        del case.body[name]
    short = {} if "audio" in case.path else SHORT
    case.body = {**short, **case.body, "model": model}
    # Most messages that are made up have a medium that is none, or a field that is refused.
    if "messages" in case.body and draw.random() < LIKELIER:
        case.body["messages"] = [{"role": "user", "content": "What is 2 plus 2?"}]
    if "file" in case.body and draw.random() < LIKELIER:
        clip = CLIP.read_bytes()
        form = case.media_type == "multipart/form-data"
        case.body["file"] = clip if form else base64.b64encode(clip).decode()


def _models(path: str) -> tuple[str, ...]:
    if "audio" in path:
        return ("toy",)
    return ("vectors",) if "embeddings" in path else CHATS


def main() -> None:
    """Run it against real engines, and print what was seen."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--cases", type=int, default=5000)
    arguments.add_argument("--seed", type=int, default=1)
    given_ = arguments.parse_args()
    with serving_all(TOY_SPEECH) as server:
        seen = explore(server, cases=given_.cases, number=given_.seed)
    for (operation, status), count in sorted(seen.items()):
        print(f"{count:6} x {status}  {operation}")  # noqa: T201
    sys.exit(not seen)


if __name__ == "__main__":
    main()
