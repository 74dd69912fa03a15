"""A tiny Idefics3 with random weights: it sees images and says nothing sensible."""

import json
from pathlib import Path

from tests.live import MODELS

TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{% if m.content is string %}{{ m.content }}"
    "{% else %}{% for p in m.content %}{% if p.type == 'image' %}<image>{% else %}{{ p.text }}"
    "{% endif %}{% endfor %}{% endif %}{% endfor %}<|assistant|>"
)
SPECIAL = [
    "<image>",
    "<fake_token_around_image>",
    "<global-img>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5)),
]


def make(folder: Path) -> Path:
    """Write the model to *folder* and return it."""
    import torch  # noqa: PLC0415 - vLLM brings them
    from transformers import (  # noqa: PLC0415
        AutoTokenizer,
        Idefics3Config,
        Idefics3ForConditionalGeneration,
    )

    tokenizer = AutoTokenizer.from_pretrained(MODELS / "chat-hf")
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIAL})
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    vocabulary = len(tokenizer)
    config = Idefics3Config(
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        vision_config={
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 56,
            "patch_size": 14,
        },
        text_config={
            "model_type": "llama",
            "hidden_size": 128,
            "intermediate_size": 256,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "vocab_size": vocabulary,
            "max_position_embeddings": 2048,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": 0,
        },
        pad_token_id=0,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    Idefics3ForConditionalGeneration(config).float().save_pretrained(folder)
    _write(folder, "preprocessor_config.json", _IMAGES)
    _write(
        folder,
        "processor_config.json",
        {"processor_class": "Idefics3Processor", "image_seq_len": 4},
    )
    return folder


_IMAGES = {
    "image_processor_type": "Idefics3ImageProcessorPil",
    "processor_class": "Idefics3Processor",
    "do_convert_rgb": True,
    "do_resize": True,
    "do_rescale": True,
    "do_normalize": True,
    "do_pad": True,
    "do_image_splitting": False,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "resample": 1,
    "rescale_factor": 1 / 255,
    "size": {"longest_edge": 112},
    "max_image_size": {"longest_edge": 56},
}


def _write(folder: Path, name: str, content: object) -> None:
    (folder / name).write_text(json.dumps(content))
