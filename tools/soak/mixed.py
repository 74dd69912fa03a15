"""Requests of many kinds, drawn by a seed: each one's answer is the same every time."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tools.soak.recordings import RATE, Samples, form, wav

DATA = Path(__file__).parents[2] / "evals" / "data"

FORMS: Mapping[str, Mapping[str, str]] = {
    "text": {"response_format": "json"},
    "segments": {"response_format": "verbose_json"},
    "words": {
        "response_format": "verbose_json",
        "timestamp_granularities": '["segment", "word"]',
    },
    "token logprobs": {"response_format": "json", "include[]": "logprobs"},
    "subtitles": {"response_format": "srt", "word_timestamps": "true"},
}
PROMPTS = ("", "", "Call me on Monday.", "A reading from a novel, recorded at home, in English.")
QUESTIONS = (
    "Hi.",
    "What is the capital of France?",
    "Name three animals that live in the sea, and say which one is the largest.",
    "Write one sentence about the weather in the mountains.",
    "How many days are there in a week, and how many of them are called the weekend?",
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request to one of the routes, ready to be sent."""

    kind: str
    """What a table calls requests of this kind."""
    path: str
    headers: dict[str, str]
    body: bytes
    fields: dict[str, Any]
    """What the body contains beside the recording."""


def transcription(draw: random.Random, clips: Sequence[Samples]) -> Request:
    """Return a request for the transcription of a clip, a piece of one, or several in a row."""
    kind = draw.choice([*FORMS])
    samples = _recording(draw, clips)
    prompt = draw.choice(PROMPTS)
    fields = {
        "model": "speech",
        # Without the ladder, whose higher steps are drawn at random.
        "temperatures": "0",
        **({"prompt": prompt} if prompt else {}),
        **({"language": "en"} if draw.random() < 0.5 else {}),
        **({"vad_filter": "true"} if draw.random() < 0.3 else {}),
        **({"beam_size": str(draw.choice([1, 3]))} if draw.random() < 0.3 else {}),
        **FORMS[kind],
    }
    headers, body = form(wav(samples), **fields)
    seconds = len(samples) / RATE
    return Request(
        kind=f"speech: {kind}",
        path="/audio/transcriptions",
        headers=headers,
        body=body,
        fields={**fields, "seconds": seconds},
    )


def chat(draw: random.Random) -> Request:
    """Return a greedy chat, with log probabilities or without."""
    question = draw.choice([*QUESTIONS, *_sums()])
    logprobs = draw.random() < 0.5
    fields: dict[str, Any] = {
        "model": "chat",
        "messages": [{"role": "user", "content": question}],
        "temperature": 0,
        "max_tokens": draw.randint(1, 24),
    }
    if logprobs:
        fields |= {"logprobs": True, "top_logprobs": draw.randint(0, 5)}
    return _json("chat: logprobs" if logprobs else "chat: text", "/chat/completions", fields)


def loglikelihood(draw: random.Random) -> Request:
    """Return a request for the log probabilities of a text."""
    texts = [row["target"] for row in _rows("speech.jsonl")]
    fields = {
        "model": "chat",
        "prompt": " ".join(draw.sample(texts, draw.randint(1, 4))),
        "temperature": 0,
        "max_tokens": 0,
        "echo": True,
        "logprobs": 1,
    }
    return _json("loglikelihood", "/completions", fields)


def _recording(draw: random.Random, clips: Sequence[Samples]) -> Samples:
    way = draw.random()
    if way < 0.5:
        return draw.choice(clips)
    if way < 0.75:
        clip = draw.choice(clips)
        length = min(len(clip), int(draw.uniform(0.5, 4) * RATE))
        start = draw.randint(0, len(clip) - length)
        return clip[start : start + length]
    pause = np.zeros(int(draw.uniform(0.1, 2) * RATE), np.int16)
    parts = [part for clip in draw.sample(clips, draw.randint(2, 3)) for part in (clip, pause)]
    return np.concatenate(parts)


def _json(kind: str, path: str, fields: dict[str, Any]) -> Request:
    headers = {"content-type": "application/json"}
    return Request(
        kind=kind, path=path, headers=headers, body=json.dumps(fields).encode(), fields=fields
    )


def _sums() -> list[str]:
    return [row["messages"][0]["content"] for row in _rows("sums.jsonl")]


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]
