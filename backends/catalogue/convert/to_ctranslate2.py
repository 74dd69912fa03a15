"""Writes a GGUF model for CTranslate2."""

from pathlib import Path
from typing import Any

from ctranslate2.converters import utils
from ctranslate2.converters.converter import Converter
from ctranslate2.specs import common_spec, transformer_spec

from .gguf_model import GgufModel, Weights


def write_ctranslate2(model: GgufModel, folder: Path, quantization: str) -> None:
    """Write `model.bin`, `config.json` and `vocabulary.json` into *folder*.

    *quantization* is `float32`, which keeps the weights as they are, or a type of CTranslate2's.
    """
    kept = None if quantization == "float32" else quantization
    _Llama(model).convert(str(folder), quantization=kept, force=True)


class _Llama(Converter):  # type: ignore[misc]  # CTranslate2 has no types
    """Hands a GGUF model's weights to CTranslate2's own converter, which quantizes and writes."""

    def __init__(self, model: GgufModel) -> None:
        self._model = model

    def _load(self) -> Any:
        model = self._model
        spec = transformer_spec.TransformerDecoderModelSpec.from_config(
            model.layers,
            model.heads,
            num_heads_kv=None if model.kv_heads == model.heads else model.kv_heads,
            activation=common_spec.Activation.SWISH,
            pre_norm=True,
            ffn_glu=True,
            rms_norm=True,
            rotary_dim=0,
            rotary_interleave=False,
            rotary_base=model.rotary_base,
        )
        spec.decoder.scale_embeddings = False
        self._set_weights(spec.decoder)
        tokens = model.metadata["tokenizer.ggml.tokens"]
        spec.register_vocabulary(tokens)
        spec.config.bos_token = tokens[model.token_id("bos")]
        spec.config.eos_token = tokens[model.token_id("eos")]
        spec.config.unk_token = tokens[model.token_id("unknown")]
        spec.config.layer_norm_epsilon = model.epsilon
        return spec

    def _set_weights(self, decoder: Any) -> None:
        attention: dict[int, dict[str, Any]] = {}
        for name, weights in self._model.weights():
            match name.split("."):
                case ["token_embd"]:
                    # Tied: a file of this architecture may have an `output` of its own later on.
                    decoder.embeddings.weight = decoder.projection.weight = weights
                case ["output"]:
                    decoder.projection.weight = weights
                case ["output_norm"]:
                    decoder.layer_norm.gamma = weights
                case ["blk", index, ("attn_q" | "attn_k" | "attn_v") as part]:
                    attention.setdefault(int(index), {})[part] = _linear(weights)
                case ["blk", index, part]:
                    _set_in_layer(decoder.layer[int(index)], part, weights)
                case _:
                    raise ValueError(f"the tensor {name} is not one of the Llama architecture")
        for layer, parts in attention.items():
            fused = decoder.layer[layer].self_attention.linear[0]
            utils.fuse_linear(fused, [parts["attn_q"], parts["attn_k"], parts["attn_v"]])


def _linear(weights: Weights) -> Any:
    spec = common_spec.LinearSpec()
    spec.weight = weights
    return spec


def _set_in_layer(layer: Any, part: str, weights: Weights) -> None:
    match part:
        case "attn_norm":
            layer.self_attention.layer_norm.gamma = weights
        case "attn_output":
            layer.self_attention.linear[1].weight = weights
        case "ffn_norm":
            layer.ffn.layer_norm.gamma = weights
        case "ffn_gate":
            layer.ffn.linear_0.weight = weights
        case "ffn_up":
            layer.ffn.linear_0_noact.weight = weights
        case "ffn_down":
            layer.ffn.linear_1.weight = weights
        case _:
            raise ValueError(f"the tensor {part} is not one of a Llama layer")
