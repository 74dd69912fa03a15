"""Transcribes the same recordings with faster-whisper, scored with lmms-eval's functions."""

import json
import sys
from pathlib import Path

import faster_whisper
from harness import ROOT, write
from lmms_eval.tasks.librispeech.utils import librispeech_wer

from tests.transcripts import transcripts

MODELS = ("whisper_tt", "gpt4o_audio", "openai", "async_openai")


def main(weights: str, out: str) -> None:
    """Write the word error rates in percent to the file *out*."""
    manifest = ROOT / "evals" / "data" / "speech.jsonl"
    samples = [json.loads(line) for line in manifest.read_text().splitlines()]
    samples = [sample for sample in samples if sample["language"] == "en"]
    # None of the models sends a language.
    clips = [manifest.parent / sample["audio"] for sample in samples]
    texts = transcripts(Path(weights), clips)
    pairs = zip(samples, texts, strict=True)
    results = [{"gt": one["target"], "pred": text, "task": "asr_en"} for one, text in pairs]
    score = librispeech_wer(results, None)
    rows = [{"task": f"transcription, {m}", "score": score, "samples": texts} for m in MODELS]
    write(out, f"faster-whisper {faster_whisper.__version__}", rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
