"""Runs the contestants over vLLM's engine, under each load, in rounds."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from tools.bench.chat import rust
from tools.bench.child import (
    Child,
    Run,
    cpu_clock,
    cpu_seconds,
    family,
    machine_seconds,
    named,
)
from tools.bench.server import Server, starting

BARE, VLLM, STOCK, RUST, SHIM = "bare", "vllm", "vllm-stock", "vllm-rust", "shim"
PEERS = (BARE, VLLM, STOCK, RUST, SHIM)
"""`VLLM` and `RUST`, vLLM's front ends in Python and in Rust, have the settings of the others.
`STOCK` is `VLLM` with its default settings: statistics of its engine and a line in the log for each
request."""

STREAMED, WHOLE, SCORED = "streamed", "whole", "scored"
KINDS = (STREAMED, WHOLE, SCORED)
"""Chats, and prompts of tokens with log probabilities, as loglikelihood tasks send them."""

NAME = "chat"
"""The model's name in requests."""
WARMING = 16
"""Least number of requests before a load is measured."""
FIELDS = {
    "temperature": 0,
    # The end of text is never drawn: every answer has all its tokens.
    "logit_bias": {"2": -100},
}
SCORED_TOKENS = 256
"""Tokens of a prompt that is scored."""
SCORING = {"temperature": 0, "max_tokens": 1, "logprobs": 1, "echo": True}
ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",  # a child's stdout is for its answers
}


@dataclass(frozen=True, order=True)
class Load:
    """So many requests in flight, of one kind."""

    in_flight: int
    kind: str


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A run and its cost for the process that talks to the client."""

    run: Run
    tokens: int
    """Tokens of all answers, or of all prompts that were scored."""
    cpu: float
    """Seconds of CPU for each token, of that process alone: the engine has its own."""
    client: float
    """Share of one core that the client took; 0 for the bare engine, which is its own client."""
    others: float
    """Share of the machine that other processes took, which do not belong to the benchmark."""

    @property
    def rate(self) -> float:
        """Tokens per second."""
        return self.tokens / self.run.seconds

    @property
    def waits(self) -> list[float]:
        """Seconds to the first token, or to the answer where it comes whole."""
        return self.run.firsts or self.run.latencies


Round = dict[tuple[Load, str], Measured]
"""Every peer under every load, once."""


class Match:
    """The peers' processes, each with an engine of its own, which idles while others work."""

    def __init__(
        self, model: Path, engine: dict[str, Any], peers: Sequence[str], *, tokens: int
    ) -> None:
        self._model = model
        self._tokens = tokens
        self._tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        # Once for each, while all warm up: the parent's own CPU counts as that of others.
        self._long = cache(self._lengthened)
        self._engine = engine
        self._peers = peers
        self._servers: dict[str, Server] = {}

    @contextmanager
    def open(self, folder: Path) -> Iterator["Match"]:
        """Start all at once, then wait for them. Raises RuntimeError if one fails."""
        os.environ.update(ENVIRONMENT)
        with ExitStack() as stack:
            if BARE in self._peers:
                bare = Child("tools.bench.chat.bare", str(self._model), json.dumps(self._engine))
                self._bare = stack.enter_context(bare)
            for peer in self._peers:
                if peer != BARE:
                    command = self._command(peer, folder)
                    log, environment = folder / f"{peer}.log", self._environment(peer)
                    server = stack.enter_context(starting(log, *command, **environment))
                    self._servers[peer] = server
            self._load = stack.enter_context(Child("tools.bench.chat.load"))
            for server in self._servers.values():
                server.wait()
            yield self

    def _command(self, peer: str, folder: Path) -> list[str]:
        if peer == SHIM:
            config = folder / "chat.toml"
            config.write_text(self._toml(), encoding="utf-8")
            return ["shim", "serve", "--config", str(config)]
        engine = {**self._engine, "disable_uvicorn_access_log": True}
        if peer == STOCK:
            engine |= {"disable_log_stats": False, "disable_uvicorn_access_log": False}
        flags = (f"--served-model-name={NAME}", "--host=127.0.0.1", *_flags(engine))
        if peer == RUST:
            return ["vllm.entrypoints.cli.main", "serve", str(self._model), *flags]
        return ["vllm.entrypoints.openai.api_server", f"--model={self._model}", *flags]

    def _environment(self, peer: str) -> dict[str, str]:
        program = rust.program() if peer == RUST else None
        return {} if program is None else rust.environment(program)

    def _toml(self) -> str:
        options = (f"{name} = {json.dumps(value)}\n" for name, value in self._engine.items())
        return (
            f'[[models]]\nid = "{NAME}"\nbackend = "vllm"\nsource = "{self._model}"\n'
            "[models.options]\n" + "".join(options)
        )

    def _work(self, peer: str, load: Load, count: int) -> Run:
        questions = [f"What do you know about the number {n % 256}?" for n in range(count)]
        job: dict[str, Any] = {"in_flight": load.in_flight, "kind": load.kind}
        if load.kind == SCORED:
            job |= {"prompts": [self._long(each) for each in questions], "fields": SCORING}
        else:
            job |= {"prompts": questions, "fields": {**FIELDS, "max_tokens": self._tokens}}
        if peer == BARE:
            return self._bare.ask(**job)
        return self._load.ask(url=self._servers[peer].url, model=NAME, **job)

    def _lengthened(self, question: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(question * SCORED_TOKENS).ids
        return ids[:SCORED_TOKENS]

    def measure(self, peer: str, load: Load, count: int) -> Measured:
        """Let a peer answer *count* requests."""
        process = self._bare.pid if peer == BARE else self._servers[peer].pid
        # The process that talks to the client.
        front = named(process, rust.PROGRAM) if peer == RUST else process
        watched = [self._load.pid, *family(process)]
        before, (busy, had) = {pid: cpu_seconds(pid) for pid in watched}, machine_seconds()
        clock = cpu_clock(front)
        run = self._work(peer, load, count)
        clock = cpu_clock(front) - clock
        own = sum(cpu_seconds(pid) - before[pid] for pid in watched)
        busy, had = (now - then for now, then in zip(machine_seconds(), (busy, had), strict=True))
        tokens = count * (SCORED_TOKENS if load.kind == SCORED else self._tokens)
        return Measured(
            run=run,
            tokens=tokens,
            cpu=(run.cpu if peer == BARE else clock) / tokens,
            client=0.0 if peer == BARE else run.cpu / run.seconds,
            others=max(busy - own, 0) / had,
        )


def _flags(engine: dict[str, Any]) -> list[str]:
    """Return *engine* as a command line has it."""
    return [
        f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}")
        for name, value in engine.items()
        if value is not False
    ]


def play(
    match: Match,
    loads: Sequence[Load],
    peers: Sequence[str],
    *,
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
) -> list[Round]:
    """Warm up, then have all answer as many requests as take the fastest some *seconds*."""
    counts = {}
    for load in loads:
        warm = [match.measure(peer, load, max(load.in_flight, WARMING)) for peer in peers]
        waves = max(measured.run.rate for measured in warm) * seconds / load.in_flight
        counts[load] = max(round(waves), 1) * load.in_flight
    played = []
    for number in range(rounds):
        # In turns from either end, so that a drift of the machine affects all alike.
        order = peers if number % 2 == 0 else peers[::-1]
        turns = [(load, peer) for load in loads for peer in order]
        played.append(
            {(load, peer): match.measure(peer, load, counts[load]) for load, peer in turns}
        )
        say(f"round {number + 1} of {rounds}")
    return played
