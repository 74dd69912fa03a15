"""The servers under load: their configurations, and which share of the requests is of a kind."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tools.load.questions import Question, fakes, toys

FAKES = """
[[models]]
id = "echo"
backend = "fake"
source = "chat"
max_running = 256
options = { seconds_per_item = 0.005, max_model_len = 4096 }

[[models]]
id = "narrow"
backend = "fake"
source = "chat"
max_running = 2
max_waiting = 2
options = { seconds_per_item = 0.005 }

[[models]]
id = "vectors"
backend = "fake"
source = "embedding"
max_running = 64
options = { seconds_per_item = 0.005 }

[[models]]
id = "lines"
backend = "fake"
source = "speech"
max_running = 64
options = { seconds_per_item = 0.005 }
"""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A configuration, and the load on it."""

    name: str
    config: str
    """Without models: the built-in ones."""
    questions: Callable[[random.Random], Mapping[str, list[Question]]]
    shares: Mapping[str, int]
    """The relative shares of the kinds."""


TARGETS = {
    "fake": Target(
        name="fake",
        config=FAKES,
        questions=fakes,
        shares={
            "chat": 4,
            "chat, streamed": 4,
            "completion": 2,
            "embedding": 2,
            "transcription": 2,
            "models": 1,
            "chat, full queue": 1,
        },
    ),
    "toys": Target(
        name="toys",
        config="",
        questions=toys,
        shares={
            "chat": 4,
            "chat, streamed": 4,
            "completion": 2,
            "transcription": 1,
            "models": 1,
        },
    ),
}
