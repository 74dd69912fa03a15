"""Transcribes recordings as the Open ASR leaderboard's script for APIs does.

The script, `api/run_eval.py` with its provider `openai`, loads its data from a hub and is in no
package. This has its form: the same client, call, threads, WAV files and error rate. It differs
where a request fails: the script scores an empty text, this program ends.
"""

import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import soundfile
from task import Clip, clips, row, write

THREADS = 300
"""The default of the script's `--max_workers`."""


def main(base_url: str, model: str, out: str) -> None:
    """Write the word error rate to the file *out*."""
    openai.api_base = base_url
    openai.api_key = os.environ["OPENAI_API_KEY"]
    chosen = clips()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(THREADS) as pool:
        recordings = [_as_wav(clip, Path(folder)) for clip in chosen]
        texts = list(pool.map(lambda recording: transcribe(recording, model), recordings))
    write(out, f"openai {openai.version.VERSION}", [row(chosen, texts)])


def _as_wav(clip: Clip, folder: Path) -> Path:
    """Return a WAV file in *folder* with the clip's samples, as the script writes one."""
    samples, rate = soundfile.read(clip.file)
    file = folder / f"{clip.file.stem}.wav"
    soundfile.write(file, samples, rate, format="WAV")
    return file


def transcribe(recording: Path, model: str) -> str:
    """Return the text of *recording*: the call of the script's provider."""
    with recording.open("rb") as file:
        text = openai.Audio.transcribe(
            model=model, file=file, response_format="text", language="en", temperature=0.0
        )
    return text.strip()


if __name__ == "__main__":
    main(*sys.argv[1:])
