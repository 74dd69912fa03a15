"""The models that the harnesses are run against: the built-in toys, and the real ones if pulled."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOY_CHAT = ROOT / "tests" / "models" / "chat-hf"
"""The weights of `backends/builtin/chat` in the form of transformers."""
TOY_SPEECH = ROOT / "backends" / "builtin" / "speech"
TOY_VISION = ROOT / "build" / "toy-vision"
"""Made by `tools.harnesses.vision` when it is used."""

# Small and quick to start: no compilation, a quarter of a GiB of cache; the weights as they are.
VLLM_OPTIONS = {
    "dtype": "float32",
    "enforce_eager": True,
    "max_model_len": 2048,
    "max_num_seqs": 16,
    "kv_cache_memory_bytes": 1 << 28,
    "tool_call_parser": "hermes",
}
VISION_OPTIONS = {key: of for key, of in VLLM_OPTIONS.items() if key != "tool_call_parser"}
CT2_OPTIONS = {"intra_threads": 1, "inter_threads": 2}
# At temperature 0 alone, because the engine draws above it: a text then differs from run to run.
WHISPER_OPTIONS = {
    "device": "cpu",
    "compute_type": "float32",
    "cpu_threads": 1,
    "decoding.temperatures": [0],
}


@dataclass(frozen=True)
class Model:
    """A model as it is served, and the same weights for a computation in process."""

    id: str
    kinds: frozenset[str]
    """Which programs of a recipe are run with it: "chat" is `chat.py`."""
    backend: str
    source: Path
    weights: Path
    """A directory for transformers (chat) or faster-whisper (speech)."""
    options: dict[str, object]

    def toml(self) -> str:
        """Return its entry of the server's configuration."""
        options = "\n".join(f"{name} = {json.dumps(of)}" for name, of in self.options.items())
        return (
            f'[[models]]\nid = "{self.id}"\nbackend = "{self.backend}"\n'
            f'source = "{self.source}"\n[models.options]\n{options}\n'
        )


def toys(*, vllm: bool) -> list[Model]:
    """Return the models that the repository has; with *vllm* also those of that engine."""
    builtin = ROOT / "backends" / "builtin" / "chat"
    found = [
        Model("toy-chat", frozenset({"chat"}), "ct2", builtin, TOY_CHAT, CT2_OPTIONS),
        Model(
            "toy-speech",
            frozenset({"speech"}),
            "whisper",
            TOY_SPEECH,
            TOY_SPEECH,
            WHISPER_OPTIONS,
        ),
    ]
    if vllm:
        kinds = frozenset({"chat", "vllm"})
        found.append(Model("toy-vllm", kinds, "vllm", TOY_CHAT, TOY_CHAT, VLLM_OPTIONS))
        sees = frozenset({"vision"})
        found.append(Model("toy-vision", sees, "vllm", TOY_VISION, TOY_VISION, VISION_OPTIONS))
    return found


def pulled() -> Iterator[Model]:
    """Yield the real models that `shim pull` has fetched before; nothing is fetched here."""
    if chat := _pulled("smollm2-135m-instruct"):
        yield Model(
            "smollm2-135m-instruct",
            frozenset({"chat"}),
            "ct2",
            chat / "ct2-float32",
            chat / "hf",
            CT2_OPTIONS,
        )
    if speech := _pulled("whisper-tiny.en"):
        kinds = frozenset({"speech"})
        yield Model("whisper-tiny.en", kinds, "whisper", speech, speech, WHISPER_OPTIONS)


def has_vllm() -> bool:
    """Return whether vLLM is installed."""
    return importlib.util.find_spec("vllm") is not None


def _pulled(name: str) -> Path | None:
    found = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "shim", "pull", "--path", name],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    path = Path(found.stdout.strip())
    return path if found.returncode == 0 and (path / "pulled.json").exists() else None
