r"""A Whisper of given dimensions with random weights, in CTranslate2's format, without torch.

    python -m tools.bench.model tiny --tokens 32

It costs what a trained model of its size costs, and its answers are of one length: every window
is given the same number of text tokens and then ends, whatever the audio. So nothing has to be
configured for a fair comparison, and no fallback to a higher temperature blurs it. The tokens do
depend on the audio; an answer that is mixed up or cut shows.

Two entries of the decoder's residual stream are kept from the weights. The first is constant
behind the last norm and pushes special tokens and timestamps down; the second is raised by the
position embedding after the last text token, and calls for the end.
"""

import argparse
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ctranslate2.specs import whisper_spec

from tools.bench import tokenizer
from tools.speech.tokenizer import LANGUAGES, TIMESTAMPS

Array = npt.NDArray[Any]

FOLDER = Path("build") / "bench"
FORMAT = 1
"""Part of a folder's name; raise it when the weights come out differently."""

SOURCE_POSITIONS = 1500
TARGET_POSITIONS = 448
PROMPT = 3
"""<|startoftranscript|>, the language, the task."""

CONSTANT, ALARM = 0, 1
"""The two reserved entries of the residual stream."""

DOWN, APART = 50.0, 3.0
"""Logit of the likeliest token that is not text, and the distance of each next one."""
ALARM_HEIGHT = 100.0
SHARPNESS = 20.0
"""Standard deviation of the logits of text. In 50,000 of them the best then takes most of the
probability: mean log-probabilities stay above faster-whisper's threshold of -1, and batching's
last bits do not decide between words."""
FOCUS = 2.0
"""Queries and keys are this much larger than unit variance, so that attention picks places."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Dimensions of a published Whisper."""

    width: int
    layers: int
    heads: int
    mels: int = 80
    languages: int = len(LANGUAGES)

    @property
    def vocabulary(self) -> int:
        """51865, or 51866 with a hundred languages."""
        return tokenizer.END + len(tokenizer.specials(self.languages)) + len(TIMESTAMPS)


SHAPES = {
    "tiny": Shape(width=384, layers=4, heads=6),
    "small": Shape(width=768, layers=12, heads=12),
    "large-v3": Shape(width=1280, layers=32, heads=20, mels=128, languages=100),
}


class Weights:
    """Random weights that keep the variance of what passes through them."""

    def __init__(self, shape: Shape, *, tokens: int, quantization: str) -> None:
        self._shape = shape
        self._tokens = tokens
        self._random = np.random.default_rng(shape.width)
        # Halves the memory that a large model needs while it is made.
        self._dtype = np.float16 if "16" in quantization else np.float32

    def fill(self, spec: whisper_spec.WhisperSpec) -> None:
        """Set every weight of *spec*."""
        width, mels = self._shape.width, self._shape.mels
        self._linear(spec.encoder.conv1, width, mels, 3)
        self._linear(spec.encoder.conv2, width, width, 3)
        spec.encoder.position_encodings.encodings = self._normal(SOURCE_POSITIONS, width, std=1.0)
        self._norm(spec.encoder.layer_norm)
        for layer in spec.encoder.layer:
            self._self_attention(layer.self_attention)
            self._feed_forward(layer.ffn)
        for layer in spec.decoder.layer:
            self._self_attention(layer.self_attention, reserved=True)
            self._cross_attention(layer.attention)
            self._feed_forward(layer.ffn, reserved=True)
        self._decoder_ends(spec.decoder)

    def _decoder_ends(self, decoder: Any) -> None:
        width = self._shape.width
        decoder.embeddings.weight = self._normal(self._shape.vocabulary, width, std=1.0)
        decoder.embeddings.weight[:, [CONSTANT, ALARM]] = 0
        positions = self._normal(TARGET_POSITIONS, width, std=0.3)
        positions[:, [CONSTANT, ALARM]] = 0
        # The last text token stands here, whether or not a timestamp token came first: without
        # one, <|notimestamps|> stood in the prompt.
        positions[PROMPT + self._tokens :, ALARM] = ALARM_HEIGHT
        decoder.position_encodings.encodings = positions
        self._norm(decoder.layer_norm)
        decoder.layer_norm.gamma[CONSTANT] = 0
        decoder.layer_norm.beta[CONSTANT] = 1
        decoder.projection.weight = self._projection()

    def _projection(self) -> Array:
        """Return the matrix of the logits; not the embeddings again, or tokens would repeat."""
        size, width = self._shape.vocabulary, self._shape.width
        rows = self._normal(size, width, std=SHARPNESS / width**0.5)
        rows[:, [CONSTANT, ALARM]] = 0
        rows[tokenizer.END - 1 :] = 0
        rows[tokenizer.END - 1 :, CONSTANT] = -DOWN
        languages = tokenizer.END + 2
        timestamps = size - len(TIMESTAMPS)
        for first, last in ((languages, timestamps), (timestamps, size)):
            rows[first:last, CONSTANT] -= APART * np.arange(last - first)
        rows[tokenizer.END, ALARM] = 2 * DOWN
        return rows

    def _self_attention(self, spec: Any, *, reserved: bool = False) -> None:
        width = self._shape.width
        self._norm(spec.layer_norm)
        self._linear(spec.linear[0], 3 * width, width)
        spec.linear[0].weight[: 2 * width] *= FOCUS
        self._linear(spec.linear[1], width, width, reserved=reserved)

    def _cross_attention(self, spec: Any) -> None:
        width = self._shape.width
        self._norm(spec.layer_norm)
        self._linear(spec.linear[0], width, width)
        self._linear(spec.linear[1], 2 * width, width)
        spec.linear[0].weight *= FOCUS
        spec.linear[1].weight[:width] *= FOCUS
        self._linear(spec.linear[2], width, width, reserved=True)

    def _feed_forward(self, spec: Any, *, reserved: bool = False) -> None:
        width = self._shape.width
        self._norm(spec.layer_norm)
        self._linear(spec.linear_0, 4 * width, width)
        self._linear(spec.linear_1, width, 4 * width, reserved=reserved)

    def _linear(self, spec: Any, *shape: int, reserved: bool = False) -> None:
        spec.weight = self._normal(*shape, std=float(np.prod(shape[1:])) ** -0.5)
        spec.bias = np.zeros(shape[0], self._dtype)
        if reserved:
            spec.weight[[CONSTANT, ALARM]] = 0

    def _norm(self, spec: Any) -> None:
        spec.gamma = np.ones(self._shape.width, self._dtype)
        spec.beta = np.zeros(self._shape.width, self._dtype)

    def _normal(self, *shape: int, std: float) -> Array:
        drawn = self._random.standard_normal(shape, dtype=np.float32)
        drawn *= std
        return drawn.astype(self._dtype, copy=False)


def write(folder: Path, shape: Shape, *, tokens: int, quantization: str) -> None:
    """Write everything that `faster_whisper.WhisperModel` loads."""
    names = tokenizer.build(shape.languages)
    spec = whisper_spec.WhisperSpec(shape.layers, shape.heads, shape.layers, shape.heads)
    Weights(shape, tokens=tokens, quantization=quantization).fill(spec)
    spec.register_vocabulary([names.id_to_token(place) for place in range(shape.vocabulary)])
    first_language = tokenizer.END + 2
    spec.config.lang_ids = list(range(first_language, first_language + shape.languages))
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [tokenizer.END]
    spec.config.alignment_heads = [(shape.layers - 1, head) for head in range(shape.heads)]
    spec.validate()
    spec.optimize(quantization=quantization)
    folder.mkdir(parents=True)
    spec.save(str(folder))
    names.save(str(folder / "tokenizer.json"))
    features = {"feature_size": shape.mels, "sampling_rate": 16_000, "hop_length": 160}
    sizes = {"n_fft": 400, "chunk_length": 30}
    (folder / "preprocessor_config.json").write_text(json.dumps(features | sizes))


def cached(name: str, *, tokens: int, quantization: str) -> Path:
    """Return the folder of a model, made now if it was not made before."""
    folder = FOLDER / f"{name}-{quantization}-{tokens}-v{FORMAT}"
    if not (folder / "preprocessor_config.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        write(folder, SHAPES[name], tokens=tokens, quantization=quantization)
    return folder


def main() -> None:
    """Read the command line, make the model and print its folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", choices=SHAPES)
    parser.add_argument("--tokens", type=int, default=32, help="text tokens of every answer")
    parser.add_argument("--quantization", default="int8", help="int8, float16, float32 …")
    arguments = parser.parse_args()
    print(cached(arguments.name, tokens=arguments.tokens, quantization=arguments.quantization))


if __name__ == "__main__":
    main()
