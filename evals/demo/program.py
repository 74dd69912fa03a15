"""What the demo serves and evaluates: the real models, or the toy models of the package."""

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from evals.ask.task import Task
from evals.dataset import Dataset, load
from evals.plan import Plan

DATA = Path(__file__).parents[1] / "data"
SERVE = (sys.executable, "-m", "shim", "serve", "--port", "0")
SPEECH = "whisper-tiny.en"
TEXT = "smollm2-135m-instruct"
ANSWER_TOKENS = 64
"""Longest answer to a question, in tokens: a small model may repeat itself without end."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """The server's command, and the evaluations in their order.

    *title* names the models, and *note* is why they are not the real ones, or "".
    """

    title: str
    note: str = ""
    server: Sequence[str]
    evaluations: list[tuple[Dataset, Plan]]


def real(recordings: Path, *, limit: int | None) -> Program:
    """Return the program for the real models; *recordings* is the manifest of the recordings.

    *limit* is the most samples of each evaluation. Raises ManifestError.
    """
    speech, text = Task(model=SPEECH), Task(model=TEXT, max_tokens=ANSWER_TOKENS)
    return Program(
        title=f"Real models: {SPEECH}, {TEXT}",
        server=(*SERVE, SPEECH, TEXT),
        evaluations=[
            (load(recordings, limit=limit), Plan(task=speech)),
            (load(DATA / "choices.jsonl", limit=limit), Plan(task=text)),
            (load(DATA / "questions.jsonl", limit=limit), Plan(task=text, scorer="contains")),
        ],
    )


def toys(*, limit: int | None, unreachable: str = "") -> Program:
    """Return the program for the toy models; *unreachable* is why the real ones are missing."""
    title = "Toy models, as the real ones could not be fetched" if unreachable else "Toy models"
    return Program(
        title=f"{title}: toy-speech, toy-chat",
        note=unreachable,
        server=(*SERVE, "toys"),
        evaluations=_toy_evaluations("toy-speech", "toy-chat", limit),
    )


def another(server: Sequence[str], *, limit: int | None) -> Program:
    """Return the program for the command *server*, with the evaluations of the toy models."""
    return Program(
        title="Another server's models: whisper-1, gpt-4o-mini",
        server=server,
        evaluations=_toy_evaluations("whisper-1", "gpt-4o-mini", limit),
    )


def _toy_evaluations(speech: str, text: str, limit: int | None) -> list[tuple[Dataset, Plan]]:
    return [
        (load(DATA / "speech.jsonl", limit=limit), Plan(task=Task(model=speech))),
        (load(DATA / "sums.jsonl", limit=limit), Plan(task=Task(model=text))),
    ]
