"""The contestants of transcription: their processes, and what a measurement of one is."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.bench.child import PEERS_PYTHON, Child, Run, cost
from tools.bench.rounds import MANY, Entry, Measured, Result, Setting, play, settings
from tools.bench.server import Server, serving, starting

LOOP, TUNED, PIPELINE, WHISPER_CPP, VLLM, SHIM = (
    "faster-whisper",
    "faster-whisper, tuned",
    "BatchedInferencePipeline",
    "whisper.cpp",
    "vLLM's server",
    "Shim",
)
IN_FLIGHT = (1, 8, 64)
LOADS = {
    LOOP: (1, MANY),
    TUNED: (1, MANY),
    PIPELINE: (MANY,),
    WHISPER_CPP: (1, MANY),
    VLLM: (1, MANY),
    SHIM: IN_FLIGHT,
}
"""Requests in flight of each contestant, in the order of the table."""

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

VLLM_FLAGS = (
    *("--dtype=float32", "--enforce-eager", "--host=127.0.0.1", "--max-num-seqs=16"),
    # Whisper base keeps 37 MB of each recording, for the attention to it.
    f"--kv-cache-memory-bytes={1 << 30}",
    *("--disable-log-stats", "--disable-uvicorn-access-log"),
)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One model, the options of every request, and who takes part."""

    title: str
    model: Path
    device: str
    compute_type: str
    options: dict[str, Any]
    """Arguments of `transcribe`."""
    fields: dict[str, Any]
    """The same options by the names of a form's fields."""
    clips: Sequence[str]
    """Files, over and over in this order."""
    requests: tuple[int, ...]
    """How many requests a round sends, for each of `IN_FLIGHT`; 0: that load is left out."""
    batch: int
    names: Sequence[str] = (LOOP, TUNED, PIPELINE, SHIM)
    """The contestants; the first one's texts are what the others' are compared with."""
    ggml: Path | None = None
    """The same weights for whisper.cpp."""
    hf: Path | None = None
    """The same weights for vLLM."""
    word_errors: Callable[[Sequence[str], Sequence[str]], float] | None = None
    """From files and texts to the word error rate; None: nobody knows what is said."""

    def files(self, count: int) -> list[str]:
        """Return the files of *count* requests."""
        return [self.clips[place % len(self.clips)] for place in range(count)]

    def counts(self) -> dict[Entry, int]:
        """Return the number of requests of each row of the table."""
        number = dict(zip(IN_FLIGHT, self.requests, strict=True))
        entries = [Entry(name, n) for name in self.names for n in LOADS[name] if number[n]]
        return {entry: number[entry.in_flight] for entry in entries}

    def tried(self, name: str) -> list[Setting]:
        """Return the settings of the contestant *name* that are tried; vLLM has its own."""
        every = settings(self.device)
        return every[:1] if name == VLLM else every


class Match:
    """The processes of one scenario."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self._scenario = scenario
        self._tried = settings(scenario.device)
        self._folder = folder
        self._bare: dict[tuple[str, Setting], Child] = {}
        self._servers: dict[str, Server] = {}
        self._expected: dict[str, str] = {}

    @contextmanager
    def open(self) -> Iterator["Match"]:
        """Start the bare processes for each setting, and one server with a model for each."""
        names = self._scenario.names
        with ExitStack() as stack:
            for setting in self._tried:
                for name in names:
                    if name in (LOOP, TUNED, WHISPER_CPP):
                        self._bare[name, setting] = stack.enter_context(self._peer(name, setting))
                self._bare[PIPELINE, setting] = self._bare[names[0], setting]
            if VLLM in names:
                self._servers[VLLM] = stack.enter_context(self._vllm())
            config = self._folder / "bench.toml"
            config.write_text("".join(map(self._toml, self._tried)), encoding="utf-8")
            self._servers[SHIM] = stack.enter_context(serving(config))
            self._load = stack.enter_context(Child("tools.bench.load"))
            for server in self._servers.values():
                server.wait()
            self._expect()
            yield self

    def _peer(self, name: str, setting: Setting) -> Child:
        given = self._scenario
        size = (f"--workers={setting.workers}", f"--threads={setting.threads}")
        if name == WHISPER_CPP:
            program = "tools.bench.real.whisper_cpp"
            return Child(program, str(given.ggml), *size, python=PEERS_PYTHON)
        kind = (f"--device={given.device}", f"--compute-type={given.compute_type}")
        environment = TUNING if name == TUNED else {}
        return Child("tools.bench.peers", str(given.model), *kind, *size, **environment)

    def _vllm(self) -> Any:
        served = (f"--model={self._scenario.hf}", f"--served-model-name={VLLM}")
        return starting(
            self._folder / "vllm.log",
            *("vllm.entrypoints.openai.api_server", *served, *VLLM_FLAGS),
            VLLM_NO_USAGE_STATS="1",
        )

    def _toml(self, setting: Setting) -> str:
        given = self._scenario
        return (
            f'[[models]]\nid = "{setting}"\nbackend = "whisper"\nsource = "{given.model}"\n'
            f'[models.options]\ndevice = "{given.device}"\nmax_batch = {given.batch}\n'
            f'compute_type = "{given.compute_type}"\n'
            f"num_workers = {setting.workers}\ncpu_threads = {setting.threads}\n\n"
        )

    def _expect(self) -> None:
        """Keep the first contestant's text of every clip, and warm everybody up."""
        first, *others = (name for name in self._scenario.names if name != PIPELINE)
        files = sorted(set(self._scenario.files(max(self._scenario.requests))))
        run = self._work(Entry(first, MANY), self._tried[-1], files)
        self._expected = dict(zip(files, run.texts, strict=True))
        for name in (first, *others):
            for setting in self._scenario.tried(name):
                self._work(Entry(name, 1), setting, files[:1])

    def _work(self, entry: Entry, setting: Setting, files: list[str]) -> Run:
        given = self._scenario
        if entry.name in self._servers:
            own = given.fields if entry.name == SHIM else {"temperature": 0}
            model = str(setting) if entry.name == SHIM else entry.name
            return self._load.ask(
                url=self._servers[entry.name].url,
                clips=files,
                fields={"model": model, "language": "en", **own},
                in_flight=entry.in_flight,
            )
        return self._bare[entry.name, setting].ask(
            way="pipeline" if entry.name == PIPELINE else "loop",
            clips=files,
            options={"language": "en", **given.options},
            in_flight=entry.in_flight,
            batch=given.batch,
        )

    def measure(self, entry: Entry, setting: Setting, count: int) -> Measured:
        """Let a contestant do *count* requests."""
        files = self._scenario.files(count)
        server = self._servers.get(entry.name)
        pid = server.pid if server else self._bare[entry.name, setting].pid
        with cost(pid, self._load.pid) as spent:
            run = self._work(entry, setting, files)
        same = [self._expected[name] == text for name, text in zip(files, run.texts, strict=True)]
        errors = self._scenario.word_errors
        return Measured(
            run=run,
            cpu=spent.own / count,
            others=spent.others,
            equal=sum(same) / count,
            score=errors(files, run.texts) if errors else None,
        )


def compete(scenario: Scenario, *, rounds: int, folder: Path, say: Callable[[str], None]) -> Result:
    """Start all contestants of *scenario*, and measure them."""
    with Match(scenario, folder).open() as match:
        return play(
            scenario.title,
            scenario.counts(),
            match.measure,
            tried=scenario.tried,
            rounds=rounds,
            say=say,
        )
