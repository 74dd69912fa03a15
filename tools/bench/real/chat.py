"""Real chat on a CPU: Shim's CTranslate2 against CTranslate2 in process, and llama.cpp's server."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from tools.bench.child import PEERS_PYTHON, Child, Run, cost
from tools.bench.real.questions import QUESTIONS
from tools.bench.rounds import MANY, Entry, Measured, Result, Setting, play, settings
from tools.bench.server import Server, serving, starting

TOKENS = 64
"""Most tokens of an answer."""
COUNTS = {1: 4, MANY: len(QUESTIONS)}


@dataclass(frozen=True)
class Name:
    """A contestant: an engine, and the form of its weights."""

    engine: str
    weights: str

    def __str__(self) -> str:
        return f"{self.engine}, {self.weights}"


CT2, SHIM, LLAMA = "CTranslate2 in process", "Shim", "llama.cpp's server"
TYPES = ("float32", "int8")
NAMES = [
    *(Name(engine, weights) for weights in TYPES for engine in (CT2, SHIM)),
    Name(LLAMA, "Q4_1"),
]


class Match:
    """The processes of all contestants: one for each setting, or one server with all of them."""

    def __init__(self, model: Path, folder: Path) -> None:
        self._model = model
        self._folder = folder
        self._settings = settings()
        self._bare: dict[tuple[str, Setting], Child] = {}
        self._llama: dict[Setting, Server] = {}
        self._expected: list[str] = []

    @contextmanager
    def open(self) -> Iterator["Match"]:
        """Start all; the first contestant's answers, one by one, are the texts to expect."""
        with ExitStack() as stack:
            for setting in self._settings:
                for weights in TYPES:
                    child = stack.enter_context(self._ct2(weights, setting))
                    self._bare[weights, setting] = child
            for setting in tried(LLAMA):
                self._llama[setting] = stack.enter_context(self._llama_cpp(setting))
            config = self._folder / "chat.toml"
            models = (self._toml(weights, each) for weights in TYPES for each in self._settings)
            config.write_text("".join(models), encoding="utf-8")
            self._shim = stack.enter_context(serving(config))
            self._load = stack.enter_context(Child("tools.bench.real.chat_load"))
            for server in self._llama.values():
                server.wait()
            every = list(QUESTIONS)
            self._expected = self._work(NAMES[0], 1, self._settings[-1], every).texts
            for name in NAMES:
                for setting in tried(name.engine):
                    self._work(name, MANY, setting, every[:2])
            yield self

    def _ct2(self, weights: str, setting: Setting) -> Child:
        folder = str(self._model / f"ct2-{weights}")
        size = (f"--workers={setting.workers}", f"--threads={setting.threads}")
        return Child("tools.bench.real.ct2", folder, f"--compute-type={weights}", *size)

    def _llama_cpp(self, setting: Setting) -> Any:
        (weights,) = self._model.glob("*.gguf")
        size = (f"--slots={MANY}", f"--threads={setting.threads}")
        program = ("tools.bench.real.llama_cpp", str(weights), *size)
        log = self._folder / f"llama-{setting}.log"
        return starting(log, *program, python=PEERS_PYTHON)

    def _toml(self, weights: str, setting: Setting) -> str:
        return (
            f'[[models]]\nid = "{weights} {setting}"\nbackend = "ct2"\n'
            f'source = "{self._model / f"ct2-{weights}"}"\nmax_running = {MANY}\n'
            f'[models.options]\ncompute_type = "{weights}"\n'
            f"inter_threads = {setting.workers}\nintra_threads = {setting.threads}\n\n"
        )

    def _prompt(self, question: str) -> str:
        file = self._model / "ct2-float32" / "tokenizer_config.json"
        template = jinja2.Template(json.loads(file.read_text(encoding="utf-8"))["chat_template"])
        turns = [{"role": "user", "content": question}]
        prompt: str = template.render(messages=turns, add_generation_prompt=True)
        return prompt

    def _work(self, name: Name, in_flight: int, setting: Setting, questions: list[str]) -> Run:
        if name.engine == CT2:
            prompts = [self._prompt(question) for question in questions]
            child = self._bare[name.weights, setting]
            return child.ask(prompts=prompts, in_flight=in_flight, max_tokens=TOKENS)
        server = self._shim if name.engine == SHIM else self._llama[setting]
        model = f"{name.weights} {setting}" if name.engine == SHIM else LLAMA
        fields = {"model": model, "temperature": 0, "max_tokens": TOKENS}
        return self._load.ask(url=server.url, fields=fields, prompts=questions, in_flight=in_flight)

    def measure(self, entry: Entry, setting: Setting, count: int) -> Measured:
        """Let a contestant answer the first *count* questions."""
        name = next(each for each in NAMES if str(each) == entry.name)
        worker = {
            CT2: lambda: self._bare[name.weights, setting].pid,
            SHIM: lambda: self._shim.pid,
            LLAMA: lambda: self._llama[setting].pid,
        }[name.engine]()
        questions = list(QUESTIONS)[:count]
        with cost(worker, self._load.pid) as spent:
            run = self._work(name, entry.in_flight, setting, questions)
        pairs = list(zip(questions, run.texts, strict=True))
        same = [text == expected for text, expected in zip(run.texts, self._expected, strict=False)]
        return Measured(
            run=run,
            cpu=spent.own / sum(run.tokens),
            others=spent.others,
            equal=sum(same) / count,
            score=sum(QUESTIONS[question] in text for question, text in pairs) / count,
        )


def tried(name: str) -> Sequence[Setting]:
    """Return the settings of a contestant that are tried; llama.cpp computes one batch at once."""
    every = settings()
    return [Setting(1, each.threads) for each in every] if name.startswith(LLAMA) else every


def compete(model: Path, *, rounds: int, folder: Path, say: Callable[[str], None]) -> Result:
    """Start all contestants over the forms of *model*, and measure them."""
    counts = {Entry(str(name), n): count for n, count in COUNTS.items() for name in NAMES}
    with Match(model, folder).open() as match:
        title = f"{model.name}, {TOKENS} tokens at most"
        return play(title, counts, match.measure, tried=tried, rounds=rounds, say=say)
