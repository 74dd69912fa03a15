"""The requests of the load, and how the text of an answer is read."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.attack.wire import get, head, post
from tools.load.connection import Answer
from tools.soak.mixed import QUESTIONS
from tools.soak.recordings import CLIPS, form

WORDS = Path(__file__).parents[2] / "evals" / "data" / "speech.jsonl"
DONE = b"data: [DONE]\n\n"
LONG = 300
"""Words of an answer to a slow reader: more than the buffers between the two hold."""


class Wrong(Exception):
    """An answer that is not what it should be."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A request, and how to read its answer."""

    kind: str
    """What the table calls it."""
    sent: bytes
    read: Callable[[Answer], str]
    """Returns the text of an answer; raises Wrong."""
    same_as: str
    """Questions with the same value here have the same text as their answer."""
    may_be_refused: bool = False
    """Whether the queue of its model is configured to be full."""


def fakes(draw: random.Random) -> dict[str, list[Question]]:
    """Return questions to the models of `targets.FAKES`, by their kinds."""
    texts = [f"{number} {_sentence(draw)}" for number in range(64)]
    long = f"long {' '.join(_sentence(draw) for _ in range(LONG))}".split()[:LONG]
    questions = [_whole("echo", text) for text in texts]
    questions += [_streamed("echo", text) for text in texts]
    questions += [_completion("echo", text) for text in texts]
    questions += [_whole("narrow", text, may_be_refused=True) for text in texts]
    questions += [_embedding("vectors", text) for text in texts]
    questions += [_transcription("lines", text.encode(), text) for text in texts]
    questions += [_streamed("echo", " ".join(long), kind="long stream"), _models()]
    return _by_kind(questions)


def toys(draw: random.Random) -> dict[str, list[Question]]:
    """Return questions to the built-in models, by their kinds."""
    clips = draw.sample(sorted(CLIPS.glob("en-*")), 16)
    sure = {"temperature": 0, "max_tokens": 16}
    questions = [_whole("gpt-4o-mini", text, **sure) for text in QUESTIONS]
    questions += [_streamed("gpt-4o-mini", text, **sure) for text in QUESTIONS]
    questions += [_completion("gpt-4o-mini", text, **sure) for text in QUESTIONS]
    questions += [_transcription("whisper-1", clip.read_bytes(), clip.name) for clip in clips]
    long = {"temperature": 0, "max_tokens": 120}
    questions += [_streamed("gpt-4o-mini", QUESTIONS[3], kind="long stream", **long), _models()]
    return _by_kind(questions)


def _by_kind(questions: list[Question]) -> dict[str, list[Question]]:
    kinds: dict[str, list[Question]] = {}
    for question in questions:
        kinds.setdefault(question.kind, []).append(question)
    return kinds


def _sentence(draw: random.Random) -> str:
    rows = WORDS.read_text().splitlines()
    return str(json.loads(draw.choice(rows))["target"])


# ── the requests


def _whole(model: str, text: str, *, may_be_refused: bool = False, **fields: Any) -> Question:
    return Question(
        kind="chat, full queue" if may_be_refused else "chat",
        sent=_post("chat/completions", _chat(model, text, fields)),
        read=lambda answer: str(_json(answer)["choices"][0]["message"]["content"]),
        same_as=f"chat {text} {fields}",
        may_be_refused=may_be_refused,
    )


def _streamed(model: str, text: str, *, kind: str = "chat, streamed", **fields: Any) -> Question:
    return Question(
        kind=kind,
        sent=_post("chat/completions", {**_chat(model, text, fields), "stream": True}),
        read=streamed_text,
        same_as=f"chat {text} {fields}",
    )


def _completion(model: str, text: str, **fields: Any) -> Question:
    return Question(
        kind="completion",
        sent=_post("completions", {"model": model, "prompt": text, **fields}),
        read=lambda answer: str(_json(answer)["choices"][0]["text"]),
        same_as=f"completion {text}",
    )


def _embedding(model: str, text: str) -> Question:
    return Question(
        kind="embedding",
        sent=_post("embeddings", {"model": model, "input": text}),
        read=lambda answer: str(_json(answer)["data"][0]["embedding"]),
        same_as=f"embedding {text}",
    )


def _transcription(model: str, file: bytes, name: str) -> Question:
    headers, body = form(file, model=model, language="en", temperatures="0")
    given: Mapping[str, str] = {**headers, **_KEPT, "Content-Length": str(len(body))}
    return Question(
        kind="transcription",
        sent=head("POST", "/v1/audio/transcriptions", given, key=False) + body,
        read=lambda answer: str(_json(answer)["text"]),
        same_as=f"transcription {name}",
    )


def _models() -> Question:
    return Question(
        kind="models",
        sent=get("/v1/models", key=False, **_KEPT),
        read=lambda answer: str([card["id"] for card in _json(answer)["data"]]),
        same_as="models",
    )


_KEPT = {"Connection": "keep-alive"}


def _post(path: str, fields: Mapping[str, Any]) -> bytes:
    return post(f"/v1/{path}", fields, key=False, **_KEPT)


def _chat(model: str, text: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


# ── the answers


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError as error:
        raise Wrong(f"not JSON: {bytes(answer.body[-80:])!r}") from error


def streamed_text(answer: Answer) -> str:
    """Return the text of all events; raise Wrong if an error is among them or the end misses."""
    if not answer.body.endswith(DONE):
        raise Wrong(f"a stream without its end: {bytes(answer.body[-80:])!r}")
    text = []
    for line in answer.body.removesuffix(DONE).split(b"\n\n")[:-1]:
        event = json.loads(line.removeprefix(b"data: "))
        if "error" in event:
            raise Wrong(f"an error in a stream: {event['error']['message']}")
        text += [choice["delta"].get("content", "") for choice in event["choices"]]
    return "".join(text)
