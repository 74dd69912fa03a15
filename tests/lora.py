"""A LoRA adapter with random weights for the tests' chat model."""

import json
import sys
from pathlib import Path

RANK = 8
TARGETS = ["q_proj", "v_proj"]
LAYERS, HIDDEN = 3, 128


def make(folder: Path, *, seed: int = 0) -> Path:
    """Write the adapter to *folder* and return it."""
    import torch  # noqa: PLC0415 - vLLM brings them
    from safetensors.torch import save_file  # noqa: PLC0415

    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator) * 0.2

    weights = {}
    for layer in range(LAYERS):
        for name in TARGETS:
            prefix = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            weights[f"{prefix}.lora_A.weight"] = drawn(RANK, HIDDEN)
            weights[f"{prefix}.lora_B.weight"] = drawn(HIDDEN, RANK)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "adapter_model.safetensors")
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": RANK,
        "lora_alpha": 2 * RANK,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": TARGETS,
        "base_model_name_or_path": "chat-hf",
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


if __name__ == "__main__":
    make(Path(sys.argv[1]))
