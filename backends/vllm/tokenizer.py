"""What is told of a model's tokenizer, whatever the model is for."""

from typing import Any


def described(tokenizer: Any, *, max_model_len: int) -> dict[str, Any]:
    """Return what transformers knows of *tokenizer*."""
    return {
        "tokenizer_class": type(tokenizer).__name__,
        "bos_token": tokenizer.bos_token,
        "eos_token": tokenizer.eos_token,
        "pad_token": tokenizer.pad_token,
        "chat_template": getattr(tokenizer, "chat_template", None),
        "model_max_length": max_model_len,
    }
