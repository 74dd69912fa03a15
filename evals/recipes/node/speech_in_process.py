"""Transcribes the same recordings with faster-whisper, on the same weights."""

import sys
from pathlib import Path

from task import DATA, samples, write

from tests.transcripts import transcripts


def main(weights: str, out: str) -> None:
    """Write the share of texts that contain the target to the file *out*."""
    chosen = [sample for sample in samples("speech.jsonl") if sample["language"] == "en"]
    clips = [DATA / sample["audio"] for sample in chosen]
    texts = transcripts(Path(weights), clips, language="en")
    pairs = zip(chosen, texts, strict=True)
    right = [sample["target"].lower() in text.lower() for sample, text in pairs]
    write(out, ("transcription", "transcription, streamed"), right, texts)


if __name__ == "__main__":
    main(*sys.argv[1:])
