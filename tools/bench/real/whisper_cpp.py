"""whisper.cpp without a server, as a child: a copy of the model for each worker, in threads.

python -m tools.bench.real.whisper_cpp FILE --workers 2 --threads 1
"""

import argparse
import time
import wave
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt
from pywhispercpp.model import Model

from tools.bench.child import Run, answer

OPTIONS = {
    # One try, the likeliest token each time, as the others do it.
    "greedy": {"best_of": 1},
    "temperature_inc": 0.0,
    "print_progress": False,
}


def samples(path: str) -> npt.NDArray[np.float32]:
    """Return the samples of a WAV file of 16 bits, mono, 16 kHz, between -1 and 1."""
    with wave.open(path) as file:
        if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, 16_000):
            raise ValueError(f"{path} is not 16 bits, mono, 16 kHz")
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return sound.astype(np.float32) / np.float32(32768)


def work(
    models: list[Model], *, clips: list[str], options: dict[str, Any], in_flight: int, **_: Any
) -> Run:
    """Transcribe *clips*, files, with as many threads as there are models to drive."""
    models = models[:in_flight]
    free: SimpleQueue[Model] = SimpleQueue()
    for model in models:
        free.put(model)

    def transcribe(clip: str) -> tuple[str, float]:
        began, model = time.perf_counter(), free.get()
        segments = model.transcribe(samples(clip), language=options["language"])
        free.put(model)
        return " ".join(segment.text for segment in segments), time.perf_counter() - began

    with ThreadPoolExecutor(len(models)) as threads:
        began = time.perf_counter()
        done = list(threads.map(transcribe, clips))
    seconds = time.perf_counter() - began
    return Run(
        seconds=seconds, texts=[text for text, _ in done], latencies=[each for _, each in done]
    )


def main() -> None:
    """Load the model, then answer jobs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    load: Callable[[], Model] = partial(
        Model, given.model, n_threads=given.threads, redirect_whispercpp_logs_to=None, **OPTIONS
    )
    answer(partial(work, [load() for _ in range(given.workers)]))


if __name__ == "__main__":
    main()
