"""Writes the tokenizer and the chat template of a GGUF file as transformers has them."""

import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from .gguf_model import GgufModel

_CONTROL = 3
"""llama.cpp's type of a special token."""


def write_tokenizer(model: GgufModel, folder: Path) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json` into *folder*.

    Raises ValueError if the file's tokenizer is not SmolLM's byte-level BPE.
    """
    metadata = model.metadata
    kind = metadata["tokenizer.ggml.model"], metadata["tokenizer.ggml.pre"]
    if kind != ("gpt2", "smollm"):
        raise ValueError(f"a tokenizer of the kind {kind} cannot be converted")
    tokens: list[str] = metadata["tokenizer.ggml.tokens"]
    merges: list[tuple[str, str]] = [
        (left, right)
        for left, right in (merge.split(" ") for merge in metadata["tokenizer.ggml.merges"])
    ]
    tokenizer = Tokenizer(models.BPE({token: id_ for id_, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = metadata["tokenizer.ggml.token_type"]
    tokenizer.add_special_tokens(
        [
            AddedToken(token, special=True, normalized=False)
            for token, kind in zip(tokens, kinds, strict=True)
            if kind == _CONTROL
        ]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "bos_token": tokens[model.token_id("bos")],
        "eos_token": tokens[model.token_id("eos")],
        "unk_token": tokens[model.token_id("unknown")],
        "pad_token": tokens[model.token_id("padding")],
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": model.context,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "chat_template": metadata["tokenizer.chat_template"],
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1))
