r"""Weights of `train` to a Hugging Face directory and to a CTranslate2 directory.

    python -m tools.speech.export a.ema.pt [b.ema.pt …] --hf tests/models/speech-hf \\
        --ct2 backends/builtin/speech

Of several files the mean of the weights is exported.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ctranslate2.converters import TransformersConverter
from transformers import (
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizer,
)

from tools.speech import tokenizer as ids
from tools.speech import weights
from tools.speech.losses import WORD_HEADS
from tools.speech.model import POSITIONS, Shape, SpeechModel

END_TOKEN = ids.SPECIALS[0]


def config(shape: Shape) -> WhisperConfig:
    """Ids and suppressed tokens are all set: the defaults name ids beyond the vocabulary."""
    return WhisperConfig(
        vocab_size=ids.SIZE,
        num_mel_bins=shape.mels,
        d_model=shape.width,
        encoder_layers=shape.encoder_layers,
        decoder_layers=shape.decoder_layers,
        encoder_attention_heads=shape.heads,
        decoder_attention_heads=shape.heads,
        encoder_ffn_dim=shape.inner,
        decoder_ffn_dim=shape.inner,
        max_source_positions=POSITIONS,
        max_target_positions=448,
        pad_token_id=ids.END,
        bos_token_id=ids.END,
        eos_token_id=ids.END,
        decoder_start_token_id=ids.START,
        scale_embedding=False,
        suppress_tokens=[],
        begin_suppress_tokens=[],
        tie_word_embeddings=True,
        dtype="float32",
    )


def generation_config(shape: Shape) -> GenerationConfig:
    """Name the tokens that steer Whisper, and the heads that align words."""
    return GenerationConfig(
        decoder_start_token_id=ids.START,
        bos_token_id=ids.END,
        eos_token_id=ids.END,
        pad_token_id=ids.END,
        max_length=448,
        suppress_tokens=[],
        begin_suppress_tokens=[],
        alignment_heads=[[shape.decoder_layers - 1, head] for head in range(WORD_HEADS)],
        is_multilingual=True,
        lang_to_id={f"<|{name}|>": ids.language_id(name) for name in ids.LANGUAGES},
        task_to_id={"transcribe": ids.TRANSCRIBE, "translate": ids.TRANSLATE},
        no_timestamps_token_id=ids.NO_TIMESTAMPS,
        prev_sot_token_id=ids.PREVIOUS,
        max_initial_timestamp_index=50,
        return_timestamps=False,
        forced_decoder_ids=None,
    )


def tokenizer_config() -> dict[str, object]:
    """Timestamps are added tokens but not special ones, as in Whisper."""
    added = {
        str(ids.END + place): {
            "content": token,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": place < len(ids.SPECIALS),
        }
        for place, token in enumerate(ids.SPECIALS + ids.TIMESTAMPS)
    }
    return {
        "tokenizer_class": "WhisperTokenizer",
        **special_tokens(),
        "add_prefix_space": False,
        "model_max_length": 1024,
        "errors": "replace",
        "clean_up_tokenization_spaces": False,
        "processor_class": "WhisperProcessor",
        "added_tokens_decoder": added,
    }


def special_tokens() -> dict[str, object]:
    """Return the tokens with a role, as `transformers` lists them."""
    names = ["bos_token", "eos_token", "unk_token", "pad_token"]
    return {**dict.fromkeys(names, END_TOKEN), "additional_special_tokens": ids.SPECIALS[1:]}


def write_tokenizer(folder: Path) -> None:
    """Write the tokenizer in all the files that `transformers` and its descendants look for."""
    ids.build().save(str(folder / "tokenizer.json"))
    merges = "\n".join(" ".join(pair) for pair in ids.MERGES)
    (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}\n", encoding="utf-8")
    files: dict[str, object] = {
        "vocab.json": ids.VOCABULARY,
        "normalizer.json": {},
        "tokenizer_config.json": tokenizer_config(),
        "special_tokens_map.json": special_tokens(),
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    read = WhisperTokenizer.from_pretrained(folder)
    tokens = [END_TOKEN, "<|en|>", "<|0.00|>"]
    wanted = [ids.END, ids.START + 1, ids.FIRST_TIMESTAMP]
    if len(read) != ids.SIZE or read.convert_tokens_to_ids(tokens) != wanted:
        raise ValueError("transformers reads other token ids than were written")


def write_hugging_face(model: SpeechModel, folder: Path) -> None:
    """Write a directory that `transformers` and vLLM load."""
    folder.mkdir(parents=True, exist_ok=True)
    whisper = WhisperForConditionalGeneration(config(model.shape))
    whisper.load_state_dict(weights.to_hugging_face(model), strict=True)
    whisper.generation_config = generation_config(model.shape)
    whisper.save_pretrained(folder)
    WhisperFeatureExtractor(
        feature_size=80,
        sampling_rate=16_000,
        hop_length=160,
        chunk_length=30,
        n_fft=400,
        padding_value=0.0,
    ).save_pretrained(folder)
    write_tokenizer(folder)


def main() -> None:
    """Read the command line and do as it says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--hf", type=Path, required=True, help="Hugging Face directory")
    parser.add_argument("--ct2", type=Path, required=True, help="CTranslate2 directory")
    parser.add_argument("--quantization", default="int8")
    arguments = parser.parse_args()
    write_hugging_face(weights.average(arguments.weights), arguments.hf)
    copied = ["tokenizer.json", "preprocessor_config.json"]
    converter = TransformersConverter(str(arguments.hf), copy_files=copied)
    converter.convert(str(arguments.ct2), quantization=arguments.quantization, force=True)
    for folder in (arguments.hf, arguments.ct2):
        for file in folder.iterdir():
            file.chmod(0o644)  # save_pretrained writes 0600: unreadable for another user


if __name__ == "__main__":
    main()
