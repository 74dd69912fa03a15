"""CTranslate2's Generator without a server, as a child: one call for the prompts in flight.

python -m tools.bench.real.ct2 FOLDER --compute-type int8 --workers 2 --threads 1
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from ctranslate2 import Generator
from tokenizers import Tokenizer

from tools.bench.child import Run, answer


class Model:
    """A generator and its tokenizer."""

    def __init__(self, folder: Path, compute_type: str, workers: int, threads: int) -> None:
        self._workers = workers
        self._generator = Generator(
            str(folder),
            compute_type=compute_type,
            inter_threads=workers,
            intra_threads=threads,
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def work(self, *, prompts: list[str], in_flight: int, max_tokens: int) -> Run:
        """Continue *prompts*, as many in one call of the engine as are in flight for a worker."""
        workers = min(self._workers, in_flight)
        size = max(in_flight // workers, 1)
        calls = [prompts[start : start + size] for start in range(0, len(prompts), size)]
        with ThreadPoolExecutor(workers) as threads:
            began = time.perf_counter()
            done = list(threads.map(partial(self._call, max_tokens), calls))
            seconds = time.perf_counter() - began
        answers = [answer for call, _, _ in done for answer in call]
        return Run(
            seconds=seconds,
            texts=[self._tokenizer.decode(ids).strip() for ids in answers],
            tokens=[len(ids) for ids in answers],
            firsts=[first for call, first, _ in done for _ in call],
            latencies=[took for call, _, took in done for _ in call],
        )

    def _call(self, max_tokens: int, prompts: list[str]) -> tuple[list[list[int]], float, float]:
        """Return the tokens of each answer, and the seconds to the first of them and in all."""
        first = 0.0
        began = time.perf_counter()

        def arrived(_: object) -> bool:
            nonlocal first
            first = first or time.perf_counter() - began
            return False

        encoded = self._tokenizer.encode_batch(prompts, add_special_tokens=False)
        results = self._generator.generate_batch(
            [each.tokens for each in encoded],
            max_length=max_tokens,
            include_prompt_in_result=False,
            callback=arrived,
        )
        answers = [result.sequences_ids[0] for result in results]
        return answers, first, time.perf_counter() - began


def main() -> None:
    """Load the model, then answer jobs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--compute-type", default="default")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    answer(Model(given.folder, given.compute_type, given.workers, given.threads).work)


if __name__ == "__main__":
    main()
