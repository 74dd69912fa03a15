"""faster-whisper without a server, as a child: its loop in threads, and its batched pipeline.

python -m tools.bench.peers MODEL --device cpu --workers 2 --threads 1
"""

import argparse
import io
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.audio import decode_audio

from tools.bench.child import Run, answer

RATE = 16_000
FRAMES = 100
"""Frames of a spectrogram in a second."""


def transcribe(model: WhisperModel, options: dict[str, Any], clip: bytes) -> tuple[str, float]:
    """Return the text of a file's bytes, and the seconds that it took."""
    began = time.perf_counter()
    text = _joined(model.transcribe(io.BytesIO(clip), **options)[0])
    return text, time.perf_counter() - began


def pipeline(
    model: WhisperModel, options: dict[str, Any], batch: int, clips: Sequence[bytes]
) -> tuple[list[str], float]:
    """Return the texts of a list of clips, of at most 30 s each, and the seconds of the list.

    The pipeline batches windows of one recording. So the clips are made one recording, and each
    is named as a window of it: the most that can be had of faster-whisper for a list that is
    there at once.
    """
    began = time.perf_counter()
    samples = [decode_audio(io.BytesIO(clip)) for clip in clips]
    ends = np.cumsum([len(each) for each in samples]) / RATE
    starts = np.concatenate([[0.0], ends[:-1]])
    windows = [{"start": a, "end": b} for a, b in zip(starts, ends, strict=True)]
    frames = np.floor(starts * FRAMES)
    segments, _ = BatchedInferencePipeline(model).transcribe(
        np.concatenate(samples),
        clip_timestamps=windows,
        batch_size=batch,
        without_timestamps=False,  # as in the loop
        **options,
    )
    texts = [""] * len(clips)
    for segment in segments:
        texts[int(np.searchsorted(frames, segment.seek, side="right")) - 1] += segment.text
    return [text.strip() for text in texts], time.perf_counter() - began


def _joined(segments: Iterable[Any]) -> str:
    return "".join(segment.text for segment in segments).strip()


def work(
    model: WhisperModel,
    workers: int,
    *,
    way: str,
    clips: list[str],
    options: dict[str, Any],
    in_flight: int,
    batch: int,
) -> Run:
    """Transcribe *clips*, files, with as many threads as there are workers to drive."""
    contents = [Path(clip).read_bytes() for clip in clips]
    drivers = min(in_flight, workers)
    began = time.perf_counter()
    with ThreadPoolExecutor(drivers) as threads:
        if way == "loop":
            done = list(threads.map(partial(transcribe, model, options), contents))
            texts, latencies = [text for text, _ in done], [seconds for _, seconds in done]
        else:
            shares = [contents[place::drivers] for place in range(drivers)]
            lists = list(threads.map(partial(pipeline, model, options, batch), shares))
            texts = [""] * len(contents)
            for place, (share, _) in enumerate(lists):
                texts[place::drivers] = share
            latencies = [seconds for share, seconds in lists for _ in share]
    return Run(seconds=time.perf_counter() - began, texts=texts, latencies=latencies)


def main() -> None:
    """Load the model, then answer jobs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compute-type", default="default")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    model = WhisperModel(
        given.model,
        device=given.device,
        compute_type=given.compute_type,
        num_workers=given.workers,
        cpu_threads=given.threads,
    )
    answer(partial(work, model, given.workers))


if __name__ == "__main__":
    main()
