"""A batch whose server is killed in its middle, again and again, and what is left of it."""

import os
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from msgspec import Struct
from openai.types import Batch

from tools.batches.client import (
    KEY,
    begun,
    chat,
    completed,
    connected,
    reached,
    results,
    written,
)
from tools.bench.server import Server, serving
from tools.soak.memory import megabytes

ROOT = Path(__file__).parents[2]

MODELS = {
    "echo": '[[models]]\nid = "echo"\nbackend = "fake"\nsource = "chat"\n',
    "toy-chat": (
        '[[models]]\nid = "toy-chat"\nbackend = "ct2"\n'
        f'source = "{ROOT / "backends" / "builtin" / "chat"}"\n'
    ),
}


class Life(Struct, frozen=True):
    """One server: from its start to its kill, or to the end of the batch."""

    before: int
    """Lines that were answered when it was first asked."""
    after: int
    """Lines that were answered when it was last asked."""
    first_megabytes: float
    """Memory of the server when it was first asked, and the batch had been taken up again."""
    most_megabytes: float


class Outcome(Struct, frozen=True):
    """What became of a batch."""

    count: int
    lives: list[Life]
    status: str
    answered: int
    """Lines of the file of answers."""
    wrong: list[str]
    """Everything that should not be."""


def config(folder: Path, model: str) -> Path:
    """Write a configuration of a server with batches in *folder*."""
    file = folder / "shim.toml"
    file.write_text(
        f'[server]\napi_keys = ["{KEY}"]\n'
        f'[batches]\ndirectory = "{folder / "batches"}"\n{MODELS[model]}'
    )
    return file


def killed(folder: Path, *, model: str, count: int, kills: int) -> Outcome:
    """Run a batch of *count* chats, and kill its server so many times at equal distances."""
    settings = config(folder, model)
    content = written(chat(_words(number), model) for number in range(count))
    batch_id = ""
    lives = []
    for number in range(1, kills + 2):
        with serving(settings) as server:
            batch_id = batch_id or begun(connected(server), content).id
            until = count * number // (kills + 1)
            lives.append(_lived(server, batch_id, until=until, is_last=number > kills))
    with serving(settings) as server:
        client = connected(server)
        batch = client.batches.retrieve(batch_id)
        answers = results(client, batch.output_file_id)
        wrong = [
            *(f"{line['custom_id']}: {line}" for line in results(client, batch.error_file_id)),
            *_faults(answers, count, model),
            *(
                f"the count went back from {earlier.after} to {later.before}"
                for earlier, later in pairwise(lives)
                if later.before < earlier.after
            ),
        ]
    return Outcome(count, lives, batch.status, len(answers), wrong)


def _words(number: int) -> str:
    return f"What is {number % 50} plus {number % 49}?"


def _lived(server: Server, batch_id: str, *, until: int, is_last: bool) -> Life:
    """Wait until so many lines are answered, then kill the server; the last one sees the end."""
    client = connected(server)
    # Its counts are there once it has been taken up again.
    begun = reached(client, batch_id, lambda batch: batch.request_counts is not None)
    memory = [megabytes(server.pid)]

    def is_reached(batch: Batch) -> bool:
        memory.append(megabytes(server.pid))
        return not is_last and completed(batch) >= until

    batch = reached(client, batch_id, is_reached)
    if not is_last:
        os.kill(server.pid, signal.SIGKILL)
    return Life(completed(begun), completed(batch), memory[0], max(memory))


def _faults(answers: list[dict[str, Any]], count: int, model: str) -> Iterator[str]:
    """Yield what is wrong with the file of answers: each line has one, in order, and its own."""
    ids = [answer["custom_id"] for answer in answers]
    if len(ids) != len(set(ids)):
        yield f"{len(ids) - len(set(ids))} answers too many"
    if ids != [f"line-{number}" for number in range(count)]:
        yield "answers are missing, or not in order"
    for number, answer in enumerate(answers):
        text = answer["response"]["body"]["choices"][0]["message"]["content"]
        if model == "echo" and text != _words(number):
            yield f"{answer['custom_id']}: {text}"
