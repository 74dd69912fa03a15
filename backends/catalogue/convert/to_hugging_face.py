"""Writes a GGUF model as a directory for transformers and vLLM, with float32 weights."""

import json
from pathlib import Path

from safetensors.numpy import save_file

from .gguf_model import GgufModel

_NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""Names of tensors: llama.cpp's → transformers'."""


def write_hugging_face(model: GgufModel, folder: Path) -> None:
    """Write `model.safetensors`, `config.json` and `generation_config.json` into *folder*."""
    tensors = {_renamed(name): weights for name, weights in model.weights()}
    save_file(tensors, str(folder / "model.safetensors"), {"format": "pt"})
    config = model.hugging_face_config()
    tied = "lm_head.weight" not in tensors
    _write(
        folder / "config.json",
        {**config, "tie_word_embeddings": tied, "dtype": "float32", "torch_dtype": "float32"},
    )
    ids = ("bos_token_id", "eos_token_id", "pad_token_id")
    _write(folder / "generation_config.json", {name: config[name] for name in ids})


def _renamed(name: str) -> str:
    """Return transformers' name of llama.cpp's tensor *name*; raises KeyError for others."""
    match name.split("."):
        case ["blk", index, part]:
            return f"model.layers.{index}.{_NAMES[part]}.weight"
        case _:
            return f"{_NAMES[name]}.weight"


def _write(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, indent=1))
