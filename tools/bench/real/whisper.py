r"""Writes a Whisper of CTranslate2's format in the formats of other engines, with equal weights.

    python -m tools.bench.real.whisper ~/.cache/shim/models/whisper-tiny.en hf build/tiny.en
    python -m tools.bench.real.whisper ~/.cache/shim/models/whisper-tiny.en f16 build/tiny.en.ggml

`hf` is a directory that vLLM and transformers load; `f16` and `q8_0` are files for whisper.cpp, the
second quantized to 8 bits in blocks of 32 weights.
"""

import argparse
import json
import re
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from gguf import GGMLQuantizationType, quants
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from tools.bench.real.model_bin import Array, read
from tools.byte_letters import byte_letters

Names = Literal["hf", "ggml"]

GGML_MAGIC = 0x67676D6C
FILE_TYPES = {"f16": 1, "q8_0": 7 + 2 * 1000}
"""`ggml_ftype` of the weights and, by the thousand, `GGML_QNT_VERSION` (ggml.h)."""
TENSOR_TYPES = {"f32": 0, "f16": 1, "q8_0": 8}

LAYERS = {
    "self_attention/layer_norm": (("self_attn_layer_norm", "attn_ln"),),
    "self_attention/linear_0": (
        ("self_attn.q_proj", "attn.query"),
        ("self_attn.k_proj", "attn.key"),
        ("self_attn.v_proj", "attn.value"),
    ),
    "self_attention/linear_1": (("self_attn.out_proj", "attn.out"),),
    "attention/layer_norm": (("encoder_attn_layer_norm", "cross_attn_ln"),),
    "attention/linear_0": (("encoder_attn.q_proj", "cross_attn.query"),),
    "attention/linear_1": (
        ("encoder_attn.k_proj", "cross_attn.key"),
        ("encoder_attn.v_proj", "cross_attn.value"),
    ),
    "attention/linear_2": (("encoder_attn.out_proj", "cross_attn.out"),),
    "ffn/layer_norm": (("final_layer_norm", "mlp_ln"),),
    "ffn/linear_0": (("fc1", "mlp.0"),),
    "ffn/linear_1": (("fc2", "mlp.2"),),
}
"""Parts of a layer: CTranslate2's name, then those of Hugging Face and of OpenAI, which whisper.cpp
uses. CTranslate2 keeps some matrices as one, each below the one before."""
ENDS = {
    "encoder/conv1": ("conv1", "encoder.conv1"),
    "encoder/conv2": ("conv2", "encoder.conv2"),
    "encoder/layer_norm": ("layer_norm", "encoder.ln_post"),
    "decoder/layer_norm": ("layer_norm", "decoder.ln"),
    "decoder/embeddings": ("embed_tokens", "decoder.token_embedding"),
    "encoder/position_encodings": ("embed_positions", "encoder.positional_embedding"),
    "decoder/position_encodings": ("embed_positions", "decoder.positional_embedding"),
}
KINDS = {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}
KEYS_WITHOUT_BIAS = re.compile(r"(k_proj|key)\.bias$")
"""Zeros that CTranslate2 adds, to keep keys beside queries and values, which have a bias."""


def renamed(variables: dict[str, Array], names: Names) -> Iterator[tuple[str, Array]]:
    """Yield the weights by the names of another format; its shapes are the same."""
    column = ("hf", "ggml").index(names)
    for variable, values in variables.items():
        place, _, kind = variable.rpartition("/")
        side = place.partition("/")[0]
        prefix = f"model.{side}." if names == "hf" else ""
        if layer := re.match(r"(\w+)/layer_(\d+)/(.+)", place):
            folder = "layers" if names == "hf" else "blocks"
            parts = [f"{folder}.{layer[2]}.{part[column]}" for part in LAYERS.get(layer[3], ())]
            prefix = prefix or f"{side}."
        else:
            parts = [ENDS[place][column]] if place in ENDS else []
        if kind == "encodings":
            yield prefix + parts[0] + (".weight" if names == "hf" else ""), values
        elif kind in KINDS:
            for part, piece in zip(parts, np.split(values, len(parts)), strict=True):
                name = f"{prefix}{part}.{KINDS[kind]}"
                if not KEYS_WITHOUT_BIAS.search(name):
                    yield name, piece


class Whisper:
    """A model of CTranslate2's format: its weights, its tokenizer, its numbers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables = read(folder / "model.bin")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.vocabulary, self.width = self.variables["decoder/embeddings/weight"].shape
        self.mels = self.variables["encoder/conv1/weight"].shape[1]
        self.heads = int(self.variables["encoder/num_heads"])
        self.sources = len(self.variables["encoder/position_encodings/encodings"])
        self.targets = len(self.variables["decoder/position_encodings/encodings"])
        self.end = self._id("<|endoftext|>")

    def layers(self, side: str) -> int:
        """Return how many layers the encoder has, or the decoder."""
        norms = re.compile(rf"{side}/layer_\d+/ffn/layer_norm/gamma")
        return sum(bool(norms.fullmatch(name)) for name in self.variables)

    def _id(self, token: str) -> int:
        found: int | None = self.tokenizer.token_to_id(token)
        if found is None:
            raise ValueError(f"{self.folder}: the tokenizer lacks {token}")
        return found

    # ── Hugging Face ──────────────────────────────────────────────────────────

    def write_hf(self, target: Path) -> None:
        """Write a directory that vLLM and transformers load; the weights have 32 bits."""
        target.mkdir(parents=True)
        tensors = {
            name: np.ascontiguousarray(values, dtype=np.float32)
            for name, values in renamed(self.variables, "hf")
        }
        save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
        shutil.copy(self.folder / "tokenizer.json", target)
        for name, content in self._hf_files().items():
            (target / name).write_text(json.dumps(content), encoding="utf-8")

    def _hf_files(self) -> dict[str, dict[str, Any]]:
        given = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        ends = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), self.end)
        start = {"decoder_start_token_id": self._id("<|startoftranscript|>")}
        suppressed = {
            "suppress_tokens": given["suppress_ids"],
            "begin_suppress_tokens": given["suppress_ids_begin"],
        }
        sizes: dict[str, Any] = {"d_model": self.width, "num_mel_bins": self.mels}
        for side in ("encoder", "decoder"):
            sizes |= {
                f"{side}_layers": self.layers(side),
                f"{side}_attention_heads": self.heads,
                f"{side}_ffn_dim": 4 * self.width,
            }
        positions = {"max_source_positions": self.sources, "max_target_positions": self.targets}
        end = "<|endoftext|>"
        return {
            "config.json": {
                "architectures": ["WhisperForConditionalGeneration"],
                "model_type": "whisper",
                "dtype": "float32",
                "vocab_size": self.vocabulary,
                "scale_embedding": False,
                "tie_word_embeddings": True,
                **(sizes | positions | ends | start | suppressed),
            },
            "generation_config.json": {
                "no_timestamps_token_id": self._id("<|notimestamps|>"),
                "alignment_heads": given["alignment_heads"],
                "max_length": self.targets,
                **(ends | start | suppressed),
            },
            "preprocessor_config.json": {
                "feature_extractor_type": "WhisperFeatureExtractor",
                "processor_class": "WhisperProcessor",
                "feature_size": self.mels,
                "sampling_rate": 16_000,
                "hop_length": 160,
                "n_fft": 400,
                "chunk_length": 30,
            },
            "tokenizer_config.json": {
                "tokenizer_class": "WhisperTokenizer",
                "processor_class": "WhisperProcessor",
                **dict.fromkeys(("bos_token", "eos_token", "pad_token", "unk_token"), end),
            },
        }

    # ── whisper.cpp ───────────────────────────────────────────────────────────

    def write_ggml(self, target: Path, weights: Literal["f16", "q8_0"]) -> None:
        """Write a file that whisper.cpp loads; *weights* is the type of its matrices.

        The format is that of whisper.cpp's models/convert-pt-to-ggml.py.
        """
        sides = [
            (positions, self.width, self.heads, self.layers(side))
            for side, positions in (("encoder", self.sources), ("decoder", self.targets))
        ]
        numbers = [number for side in sides for number in side]
        filters = FeatureExtractor.get_mel_filters(sr=16_000, n_fft=400, n_mels=self.mels)
        with target.open("wb") as file:
            header = [GGML_MAGIC, self.vocabulary, *numbers, self.mels, FILE_TYPES[weights]]
            file.write(struct.pack(f"<{len(header)}i", *header))
            file.write(struct.pack("<2i", *filters.shape))
            file.write(filters.astype("<f4").tobytes())
            tokens = self._token_bytes()
            file.write(struct.pack("<i", len(tokens)))
            for token in tokens:
                file.write(struct.pack("<i", len(token)) + token)
            for name, values in renamed(self.variables, "ggml"):
                _write_tensor(file, name, values, weights)

    def _token_bytes(self) -> list[bytes]:
        """Return the bytes of each token before the special ones, which whisper.cpp adds."""
        byte = {letter: byte for byte, letter in byte_letters().items()}
        tokens = [self.tokenizer.id_to_token(place) for place in range(self.end)]
        return [bytes(byte[letter] for letter in token) for token in tokens]


def _write_tensor(file: IO[bytes], name: str, values: Array, weights: str) -> None:
    if name.startswith("encoder.conv") and name.endswith("bias"):
        values = values[:, None]
    kept = values.ndim == 1 or name.endswith(("positional_embedding", "bias"))
    kind = "f32" if kept else weights if values.ndim == 2 else "f16"  # kernels are not quantized
    shape = values.shape[::-1]
    file.write(struct.pack("<3i", len(shape), len(name), TENSOR_TYPES[kind]))
    file.write(struct.pack(f"<{len(shape)}i", *shape) + name.encode())
    if kind == "q8_0":
        values = quants.quantize(values.astype(np.float32), GGMLQuantizationType.Q8_0)
        file.write(values.tobytes())
    else:
        file.write(values.astype({"f32": "<f4", "f16": "<f2"}[kind]).tobytes())


def write(folder: Path, form: str, target: Path) -> None:
    """Write the Whisper in *folder* to *target* as *form*: `hf`, `f16` or `q8_0`."""
    model = Whisper(folder)
    if form == "hf":
        model.write_hf(target)
    else:
        model.write_ggml(target, "f16" if form == "f16" else "q8_0")


def main() -> None:
    """Read the command line and convert."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("form", choices=["hf", *FILE_TYPES])
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    write(given.folder, given.form, given.target)


if __name__ == "__main__":
    main()
