"""Who runs against whom: a model's contestants, their best settings, and the rounds."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tools.bench.child import Child, Run, cpu_seconds, machine_seconds
from tools.bench.server import serving

CLIPS = Path("evals") / "data" / "clips"

LOOP, TUNED, PIPELINE, SHIM = (
    "faster-whisper",
    "faster-whisper, tuned",
    "BatchedInferencePipeline",
    "Shim",
)
IN_FLIGHT = (1, 8, 64)
MANY = 8
"""Requests in flight in the trials; only the server behaves otherwise with still more."""


TUNING = {
    # NumPy's threads would spin beside CTranslate2's after each spectrogram.
    "OPENBLAS_NUM_THREADS": "1",
    # Without it glibc returns every large buffer, and the kernel zeroes it again: a third of
    # encoding.
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 35),
}
"""The environment in which bare faster-whisper is fastest on a CPU, as far as we know."""


@dataclass(frozen=True, order=True)
class Setting:
    """`num_workers` and `cpu_threads` of a `WhisperModel`."""

    workers: int
    threads: int

    def __str__(self) -> str:
        return f"{self.workers}x{self.threads}"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One model and the options of every request."""

    title: str
    model: Path
    device: str
    compute_type: str
    options: dict[str, Any]
    """Arguments of `transcribe`."""
    fields: dict[str, Any]
    """The same options by the names of a form's fields."""
    requests: tuple[int, ...]
    """How many requests a round sends, for each of `IN_FLIGHT`."""
    batch: int


@dataclass(frozen=True, order=True)
class Entry:
    """A row of the table: a contestant under a load."""

    name: str
    in_flight: int


@dataclass(frozen=True)
class Measured:
    """A run and its cost for the process that did the work."""

    run: Run
    cpu: float
    """Seconds for each request."""
    others: float
    """Share of the machine that other processes took, which do not belong to the benchmark."""
    equal: float
    """Share of texts that are those of the bare loop."""


@dataclass
class Result:
    """All that was measured of one scenario."""

    scenario: Scenario
    trials: dict[Entry, dict[Setting, float]] = field(default_factory=dict)
    """Requests per second of each setting, once."""
    best: dict[Entry, Setting] = field(default_factory=dict)
    rounds: list[dict[Entry, Measured]] = field(default_factory=list)


def settings(device: str) -> list[Setting]:
    """Return the settings to try: one call on all cores, a call on each core, and halfway."""
    if device != "cpu":
        return [Setting(1, 1), Setting(2, 1), Setting(4, 1)]
    cores = len(os.sched_getaffinity(0))
    halfway = [Setting(cores // 2, 2)] if cores > 3 else []
    return [Setting(1, cores), *halfway, Setting(cores, 1)]


def clips(count: int) -> list[str]:
    """Return the files of *count* requests: every other English clip of `evals`, over and over."""
    files = sorted(map(str, CLIPS.glob("en-*")))[::2]
    return [files[place % len(files)] for place in range(count)]


class Match:
    """The processes of one scenario."""

    def __init__(self, scenario: Scenario, tried: Sequence[Setting], folder: Path) -> None:
        self._scenario = scenario
        self._tried = tried
        self._config = folder / "bench.toml"
        self._bare: dict[tuple[str, Setting], Child] = {}
        self._expected: dict[str, str] = {}

    @contextmanager
    def open(self) -> Iterator["Match"]:
        """Start two bare processes for each setting, and one server with a model for each."""
        self._config.write_text("".join(map(self._toml, self._tried)), encoding="utf-8")
        with ExitStack() as stack:
            for setting in self._tried:
                plain, tuned = self._peer(setting), self._peer(setting, **TUNING)
                self._bare[LOOP, setting] = stack.enter_context(plain)
                self._bare[PIPELINE, setting] = plain
                self._bare[TUNED, setting] = stack.enter_context(tuned)
            self._server = stack.enter_context(serving(self._config))
            self._load = stack.enter_context(Child("tools.bench.load"))
            self._expect()
            yield self

    def _peer(self, setting: Setting, **environment: str) -> Child:
        given = self._scenario
        arguments = {
            "device": given.device,
            "compute-type": given.compute_type,
            "workers": setting.workers,
            "threads": setting.threads,
        }
        flags = [f"--{name}={value}" for name, value in arguments.items()]
        return Child("tools.bench.peers", str(given.model), *flags, **environment)

    def _toml(self, setting: Setting) -> str:
        given = self._scenario
        return (
            f'[[models]]\nid = "{setting}"\nbackend = "whisper"\nsource = "{given.model}"\n'
            f'[models.options]\ndevice = "{given.device}"\nmax_batch = {given.batch}\n'
            f'compute_type = "{given.compute_type}"\n'
            f"num_workers = {setting.workers}\ncpu_threads = {setting.threads}\n\n"
        )

    def _expect(self) -> None:
        """Keep the bare loop's text of every clip, and warm everybody up."""
        files = sorted(set(clips(max(self._scenario.requests))))
        run = self._work(Entry(LOOP, MANY), self._tried[-1], files)
        self._expected = dict(zip(files, run.texts, strict=True))
        for setting in self._tried:
            for name in (LOOP, TUNED, SHIM):
                self._work(Entry(name, 1), setting, files[:1])

    def _work(self, entry: Entry, setting: Setting, files: list[str]) -> Run:
        if entry.name == SHIM:
            fields = {"model": str(setting), "language": "en", **self._scenario.fields}
            url = self._server.url
            return self._load.ask(url=url, clips=files, fields=fields, in_flight=entry.in_flight)
        way = "pipeline" if entry.name == PIPELINE else "loop"
        return self._bare[entry.name, setting].ask(
            way=way,
            clips=files,
            options={"language": "en", **self._scenario.options},
            in_flight=entry.in_flight,
            batch=self._scenario.batch,
        )

    def measure(self, entry: Entry, setting: Setting, count: int) -> Measured:
        """Let a contestant do *count* requests."""
        files = clips(count)
        pid = self._server.pid if entry.name == SHIM else self._bare[entry.name, setting].pid
        before, (busy, had) = self._cpu(pid), machine_seconds()
        run = self._work(entry, setting, files)
        own, client = (now - then for now, then in zip(self._cpu(pid), before, strict=True))
        busy, had = (now - then for now, then in zip(machine_seconds(), (busy, had), strict=True))
        same = [self._expected[name] == text for name, text in zip(files, run.texts, strict=True)]
        return Measured(
            run=run,
            cpu=own / count,
            others=max(busy - own - client, 0) / had,
            equal=sum(same) / count,
        )

    def _cpu(self, pid: int) -> tuple[float, float]:
        return cpu_seconds(pid), cpu_seconds(self._load.pid)


def play(scenario: Scenario, *, rounds: int, folder: Path, say: Callable[[str], None]) -> Result:
    """Find the best setting of every contestant, then let them take turns."""
    result = Result(scenario)
    tried = settings(scenario.device)
    counts = dict(zip(IN_FLIGHT, scenario.requests, strict=True))
    entries = [
        *(Entry(name, n) for name in (LOOP, TUNED) for n in (1, MANY)),
        Entry(PIPELINE, MANY),
        *(Entry(SHIM, n) for n in IN_FLIGHT),
    ]
    with Match(scenario, tried, folder).open() as match:
        for entry in entries:
            trial = Entry(entry.name, min(entry.in_flight, MANY))
            if trial not in result.trials:
                rate = partial(_rate, match, trial, max(counts[trial.in_flight] // 2, 2))
                result.trials[trial] = {setting: rate(setting) for setting in tried}
            rates = result.trials[trial]
            result.best[entry] = max(rates, key=rates.__getitem__)
        for number in range(rounds):
            # In turns from either end, so that a drift of the machine affects all alike.
            order = entries if number % 2 == 0 else entries[::-1]
            result.rounds.append(
                {
                    entry: match.measure(entry, result.best[entry], counts[entry.in_flight])
                    for entry in order
                }
            )
            say(f"{scenario.title}: round {number + 1} of {rounds}")
    return result


def _rate(match: Match, entry: Entry, count: int, setting: Setting) -> float:
    return match.measure(entry, setting, count).run.rate
