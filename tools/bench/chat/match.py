"""Who runs against whom over vLLM's engine, under which loads, and the rounds."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.bench.child import Child, Run, cpu_clock, cpu_seconds, family, machine_seconds
from tools.bench.server import Server, starting

BARE, VLLM, STOCK, SHIM = "bare", "vllm", "vllm-stock", "shim"
PEERS = (BARE, VLLM, STOCK, SHIM)
"""`VLLM` has the settings of the others, `STOCK` statistics and an access log besides, as it
comes."""

NAME = "chat"
"""The model's, on the wire."""
TOKENS = 64
WARMING = 16
"""Requests at least before a load is measured."""
ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
}
FIELDS = {
    "max_tokens": TOKENS,
    "temperature": 0,
    # Its end-of-text token is never drawn: every answer has all its tokens.
    "logit_bias": {"2": -100},
}


@dataclass(frozen=True, order=True)
class Load:
    """So many requests in flight, streamed or whole."""

    in_flight: int
    streamed: bool


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A run, and what it cost the process that talks to the client."""

    run: Run
    cpu: float
    """Seconds for each token, of that process alone: the engine has others."""
    client: float
    """Share of one core that the client took; of the bare engine, which is its own client, 0."""
    others: float
    """Share of the machine that went to processes which have nothing to do with it."""

    @property
    def rate(self) -> float:
        """Tokens per second."""
        return self.run.rate * TOKENS


@dataclass
class Result:
    """All that was measured: in each round, every peer under every load."""

    engine: dict[str, Any]
    rounds: list[dict[tuple[Load, str], Measured]] = field(default_factory=list)


class Match:
    """The processes of a benchmark, each with an engine of its own, which idles when not asked."""

    def __init__(self, model: Path, engine: dict[str, Any], peers: Sequence[str]) -> None:
        self._model = model
        self._engine = engine
        self._peers = peers
        self._servers: dict[str, Server] = {}

    @contextmanager
    def open(self, folder: Path) -> Iterator["Match"]:
        """Start all at once, then wait for them. Raises RuntimeError if one fails."""
        os.environ.update(ENVIRONMENT)
        with ExitStack() as stack:
            if BARE in self._peers:
                arguments = (str(self._model), json.dumps(self._engine))
                bare = Child("tools.bench.chat.bare", *arguments, VLLM_LOGGING_LEVEL="WARNING")
                self._bare = stack.enter_context(bare)
            for peer in set(self._peers) - {BARE}:
                command = self._shim(folder) if peer == SHIM else self._vllm(stock=peer == STOCK)
                server = stack.enter_context(starting(folder / f"{peer}.log", *command))
                self._servers[peer] = server
            self._load = stack.enter_context(Child("tools.bench.chat.load"))
            for server in self._servers.values():
                server.wait()
            yield self

    def _shim(self, folder: Path) -> list[str]:
        options = "\n".join(f"{name} = {json.dumps(set_)}" for name, set_ in self._engine.items())
        config = folder / "chat.toml"
        config.write_text(
            f'[[models]]\nid = "{NAME}"\nbackend = "vllm"\nsource = "{self._model}"\n'
            f"[models.options]\n{options}\n",
            encoding="utf-8",
        )
        return ["shim", "serve", "--config", str(config)]

    def _vllm(self, *, stock: bool) -> list[str]:
        engine = {**self._engine, "disable_log_stats": not stock}
        engine["disable_uvicorn_access_log"] = not stock
        flags = [
            f"--{name.replace('_', '-')}" + ("" if set_ is True else f"={set_}")
            for name, set_ in engine.items()
            if set_ is not False
        ]
        names = (f"--model={self._model}", f"--served-model-name={NAME}", "--host=127.0.0.1")
        return ["vllm.entrypoints.openai.api_server", *names, *flags]

    def _pid(self, peer: str) -> int:
        return self._bare.pid if peer == BARE else self._servers[peer].pid

    def _work(self, peer: str, load: Load, count: int) -> Run:
        job = {
            "prompts": [f"What do you know about the number {n % 256}?" for n in range(count)],
            "in_flight": load.in_flight,
            "streamed": load.streamed,
        }
        if peer == BARE:
            return self._bare.ask(fields=FIELDS, **job)
        fields = {"model": NAME, **FIELDS}
        return self._load.ask(url=self._servers[peer].url, fields=fields, **job)

    def measure(self, peer: str, load: Load, count: int) -> Measured:
        """Let a peer answer *count* requests."""
        front = self._pid(peer)
        family_, client = family(front), self._load.pid
        watched = [client, *family_]
        before, (busy, had) = {pid: cpu_seconds(pid) for pid in watched}, machine_seconds()
        clock = cpu_clock(front)
        run = self._work(peer, load, count)
        clock = cpu_clock(front) - clock
        own = sum(cpu_seconds(pid) - before[pid] for pid in watched)
        busy, had = (now - then for now, then in zip(machine_seconds(), (busy, had), strict=True))
        return Measured(
            run=run,
            cpu=(run.cpu if peer == BARE else clock) / (count * TOKENS),
            client=0.0 if peer == BARE else run.cpu / run.seconds,
            others=max(busy - own, 0) / had,
        )


def play(
    match: Match,
    loads: Sequence[Load],
    peers: Sequence[str],
    *,
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
) -> list[dict[tuple[Load, str], Measured]]:
    """Warm up, then let all peers answer as many requests as take the first some *seconds*."""
    counts = {}
    for load in loads:
        warm = [match.measure(peer, load, max(load.in_flight, WARMING)) for peer in peers]
        rate = max(measured.run.rate for measured in warm)
        counts[load] = max(round(rate * seconds / load.in_flight), 1) * load.in_flight
    say(f"warm: {counts}")
    played = []
    for number in range(rounds):
        # There and back again: what drifts on the machine falls on all alike.
        order = peers if number % 2 == 0 else peers[::-1]
        played.append(
            {
                (load, peer): match.measure(peer, load, counts[load])
                for load in loads
                for peer in order
            }
        )
        say(f"round {number + 1} of {rounds}")
    return played
