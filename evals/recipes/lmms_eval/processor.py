"""Writes a processor of Whisper's, which `whisper_tt` loads although the server has its own.

It decides the order of the requests, and with which token an answer would be cut.
"""

import json
from pathlib import Path

from transformers import WhisperFeatureExtractor, WhisperProcessor, WhisperTokenizer

TOKENIZER = Path(__file__).parents[3] / "backends" / "builtin" / "speech" / "tokenizer.json"


def save(folder: Path) -> None:
    """Write the processor of the built-in speech model into *folder*."""
    tokenizer = WhisperTokenizer(tokenizer_file=str(TOKENIZER))
    WhisperProcessor(WhisperFeatureExtractor(), tokenizer).save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "whisper"}))
