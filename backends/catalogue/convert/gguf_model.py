"""Reads the configuration and the weights of a GGUF file of the Llama architecture."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize
from numpy.typing import NDArray

Weights = NDArray[np.float32]

_SIGNIFICANT = 6
"""Digits that a number in single precision has for sure: 1e-5 is stored as 9.99999975e-06."""


class GgufModel:
    """An opened GGUF file."""

    def __init__(self, file: Path) -> None:
        """Open *file*; raises ValueError if it is not of the Llama architecture."""
        self._reader = GGUFReader(file)
        self.metadata: dict[str, Any] = {
            name: field.contents() for name, field in self._reader.fields.items()
        }
        """The file's own keys, such as `tokenizer.ggml.tokens`."""
        architecture = self.metadata["general.architecture"]
        if architecture != "llama":
            raise ValueError(f"a GGUF file of the architecture {architecture} cannot be converted")

    def _llama(self, name: str) -> Any:
        return self.metadata[f"llama.{name}"]

    @property
    def layers(self) -> int:
        """The number of layers."""
        return int(self._llama("block_count"))

    @property
    def heads(self) -> int:
        """The number of attention heads."""
        return int(self._llama("attention.head_count"))

    @property
    def kv_heads(self) -> int:
        """The number of heads of keys and values."""
        return int(self._llama("attention.head_count_kv"))

    @property
    def rotary_base(self) -> float:
        """The base of the rotary embedding."""
        return float(self._llama("rope.freq_base"))

    @property
    def epsilon(self) -> float:
        """The epsilon of the norms."""
        return float(f"{self._llama('attention.layer_norm_rms_epsilon'):.{_SIGNIFICANT}g}")

    @property
    def context(self) -> int:
        """Tokens of the context."""
        return int(self._llama("context_length"))

    def token_id(self, name: str) -> int:
        """Return the id of a special token: `bos`, `eos`, `unknown` or `padding`."""
        return int(self.metadata[f"tokenizer.ggml.{name}_token_id"])

    def hugging_face_config(self) -> dict[str, Any]:
        """Return the model's `config.json` for transformers."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_act": "silu",
            "vocab_size": self._llama("vocab_size"),
            "hidden_size": self._llama("embedding_length"),
            "intermediate_size": self._llama("feed_forward_length"),
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self._llama("rope.dimension_count"),
            "max_position_embeddings": self.context,
            "rms_norm_eps": self.epsilon,
            "rope_theta": self.rotary_base,
            "rope_scaling": None,
            "attention_bias": False,
            "mlp_bias": False,
            "bos_token_id": self.token_id("bos"),
            "eos_token_id": self.token_id("eos"),
            "pad_token_id": self.token_id("padding"),
        }

    def weights(self) -> Iterator[tuple[str, Weights]]:
        """Yield the name and the weights of each tensor, in the order of transformers' halves."""
        for tensor in self._reader.tensors:
            weights = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            name = tensor.name.removesuffix(".weight")
            if name.endswith("attn_q"):
                weights = _halves(weights, self.heads)
            elif name.endswith("attn_k"):
                weights = _halves(weights, self.kv_heads)
            yield name, weights


def _halves(weights: Weights, heads: int) -> Weights:
    """Return *weights*, whose rotary pairs lie side by side as in llama.cpp, as two halves a head.

    *weights* has the shape (heads x width of a head, width of the model).
    """
    rows, columns = weights.shape
    pairs = weights.reshape(heads, rows // heads // 2, 2, columns)
    return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(rows, columns))
