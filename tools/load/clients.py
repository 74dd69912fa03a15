"""The clients: each keeps a connection, and sends one request after the other until the end."""

import asyncio
import random
import time
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from tools.load.connection import Answer, Connection, connect
from tools.load.questions import Question, Wrong
from tools.load.targets import Target

RETRY_AFTER = range(1, 61)
"""Seconds that a refusal may name: the stock client ignores others."""
KEPT_FAULTS = 50


class Role(Enum):
    """How a client behaves."""

    STAYS = "stays"
    LEAVES = "left early"
    """Closes half of its connections at the first piece of a streamed answer."""
    SLOW = "slow reader"
    """Reads long streams with pauses and a small buffer."""


def role(number: int) -> Role:
    """Return the role of a client: of 50, two leave early and one is slow."""
    return {1: Role.LEAVES, 2: Role.LEAVES, 3: Role.SLOW}.get(number % 50, Role.STAYS)


@dataclass
class Record:
    """What all clients have seen."""

    seconds: "dict[str, array[float]]" = field(default_factory=dict)
    """By kind of request: how long each right answer took."""
    recent: list[float] = field(default_factory=list)
    """The same of clients that stay, since the last sample."""
    refused: Counter[str] = field(default_factory=Counter)
    """By kind: refusals that the configuration allows."""
    left: int = 0
    """Answers that a client has given up."""
    wrong: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    """The first faults in words; `wrong` counts all."""

    def fault(self, words: str) -> None:
        """Count a fault."""
        self.wrong += 1
        if words in self.faults or len(self.faults) < KEPT_FAULTS:
            self.faults[words] += 1


class Clients:
    """So many clients of one server."""

    def __init__(self, target: Target, port: int, *, seed: int = 17) -> None:
        self._questions = target.questions(random.Random(seed))
        self._kinds = list(target.shares)
        self._shares = list(target.shares.values())
        self._port = port
        self._expected: Mapping[str, str] = {}
        self.record = Record()
        self.ending = False

    async def learn(self) -> None:
        """Send each question alone; its answer is the one expected under load.

        Raises Wrong if two questions that have to have the same answer have not.
        """
        expected: dict[str, str] = {}
        connection = await connect(self._port)
        for question in (one for kind in self._questions.values() for one in kind):
            text = _right(question, await connection.ask(question.sent))
            if expected.setdefault(question.same_as, text) != text:
                raise Wrong(f"{question.kind}: {text!r}, not {expected[question.same_as]!r}")
        connection.close()
        self._expected = expected

    async def open(self, connections: int) -> list[Connection]:
        """Return so many connections, in the order of the clients' numbers."""
        slow = (role(number) is Role.SLOW for number in range(connections))
        return [await connect(self._port, slow=one) for one in slow]

    async def run(self, connections: list[Connection]) -> None:
        """Send requests on *connections* until `ending` is set.

        Clients end with the answer that they wait for.
        """
        async with asyncio.TaskGroup() as tasks:
            for number, connection in enumerate(connections):
                tasks.create_task(self._client(number, connection))

    async def _client(self, number: int, connection: Connection) -> None:
        draw = random.Random(number)
        plays = role(number)
        while not self.ending:
            question = self._drawn(draw, plays)
            try:
                if plays is Role.LEAVES and draw.random() < 0.5:
                    await connection.begin(question.sent)
                    self.record.left += 1
                    connection.close()
                    connection = await connect(self._port)
                else:
                    await self._asked(question, connection, plays)
            except (Wrong, OSError) as error:
                self.record.fault(f"{question.kind}: {error}")
                connection.close()
                connection = await connect(self._port, slow=plays is Role.SLOW)
        connection.close()

    def _drawn(self, draw: random.Random, plays: Role) -> Question:
        match plays:
            case Role.SLOW:
                kind = "long stream"
            case Role.LEAVES:
                kind = "chat, streamed"
            case Role.STAYS:
                [kind] = draw.choices(self._kinds, self._shares)
        return draw.choice(self._questions[kind])

    async def _asked(self, question: Question, connection: Connection, plays: Role) -> None:
        began = time.perf_counter()
        answer = await connection.ask(question.sent)
        took = time.perf_counter() - began
        if answer.status in (429, 503):
            self.record.refused[question.kind] += 1
            _check_refusal(question, answer)
            return
        text = _right(question, answer)
        if text != self._expected[question.same_as]:
            raise Wrong(f"{text[:80]!r}, not {self._expected[question.same_as][:80]!r}")
        self.record.seconds.setdefault(question.kind, array("d")).append(took)
        if plays is Role.STAYS:
            self.record.recent.append(took)


def _right(question: Question, answer: Answer) -> str:
    if answer.status != 200:
        raise Wrong(f"{answer.status}: {bytes(answer.body[:200])!r}")
    return question.read(answer)


def _check_refusal(question: Question, answer: Answer) -> None:
    if not question.may_be_refused or answer.status != 429:
        raise Wrong(f"refused with {answer.status}: {bytes(answer.body[:200])!r}")
    after = answer.headers.get("retry-after", "missing")
    if not (after.isdecimal() and int(after) in RETRY_AFTER):
        raise Wrong(f"Retry-After is {after}")
