"""Transcribes the same recordings with faster-whisper, on the same weights."""

import sys
from pathlib import Path

import faster_whisper
from task import clips, row, write

from tests.transcripts import transcripts


def main(weights: str, out: str) -> None:
    """Write the word error rate to the file *out*."""
    chosen = clips()
    texts = transcripts(Path(weights), [clip.file for clip in chosen], language="en")
    write(out, f"faster-whisper {faster_whisper.__version__}", [row(chosen, texts)])


if __name__ == "__main__":
    main(*sys.argv[1:])
