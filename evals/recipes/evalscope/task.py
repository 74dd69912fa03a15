"""The recordings of this recipe in the form of evalscope's set, and its error rate."""

import json
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import soundfile
from pyarrow import parquet

MANIFEST = Path(__file__).parents[2] / "data" / "speech.jsonl"
TASKS = ("transcription through chat", "transcription through chat, streamed")


class Clip(NamedTuple):
    """A recording, and what is said in it."""

    file: Path
    target: str


def clips() -> list[Clip]:
    """Return the English clips, 36."""
    lines = [json.loads(line) for line in MANIFEST.read_text().splitlines()]
    return [
        Clip(MANIFEST.parent / line["audio"], line["target"])
        for line in lines
        if line["language"] == "en"
    ]


def write_set(folder: Path, chosen: list[Clip]) -> None:
    """Write *chosen* into *folder* as the split `test_clean`, with the columns of LibriSpeech."""
    (folder / "data").mkdir(parents=True)
    rows = [
        {
            "audio": {"bytes": clip.file.read_bytes(), "path": clip.file.name},
            "transcript": clip.target,
            "audio_id": clip.file.stem,
            "audio_duration": soundfile.info(clip.file).duration,
        }
        for clip in chosen
    ]
    table = pa.Table.from_pylist(rows)
    parquet.write_table(table, folder / "data" / "test_clean-00000-of-00001.parquet")


def write(out: str, harness: str, rows: list[dict]) -> None:
    """Write the scores to the file *out*."""
    Path(out).write_text(json.dumps({"harness": harness, "rows": rows}))
