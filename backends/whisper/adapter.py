"""faster-whisper behind the seam: its own `transcribe`, one thread per running request."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from backends.audio import decode
from backends.base import (
    Job,
    Segment,
    SpeechBackend,
    TranscriptInfo,
    UnknownLanguage,
    UnsupportedOption,
    Word,
)
from backends.config import WhisperModelConfig

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

T = TypeVar("T")


class WhisperBackend:
    """A loaded `WhisperModel` and the threads that step it."""

    def __init__(
        self, model: "WhisperModel", threads: ThreadPoolExecutor, *, max_seconds: float
    ) -> None:
        self._model = model
        self._threads = threads
        self._max_seconds = max_seconds

    @property
    def languages(self) -> tuple[str, ...]:
        """The codes that this model was trained on."""
        return tuple(self._model.supported_languages)

    async def ready(self) -> bool:
        """Answer yes: loaded weights stay usable."""
        return True

    async def transcribe(self, job: Job) -> AsyncGenerator[TranscriptInfo | Segment, None]:
        """Decode and transcribe off the event loop, one window at a time.

        Nothing is computed ahead: a generator that is closed costs at most the current window.
        """
        self._check(job)
        audio = await self._run(partial(decode, job.audio, max_seconds=self._max_seconds))
        start = partial(self._model.transcribe, audio, **_arguments(job))
        segments, found = await self._run(start)
        yield TranscriptInfo(
            language=found.language,
            language_probability=found.language_probability,
            duration=found.duration,
        )
        while (segment := await self._run(partial(next, segments, None))) is not None:
            yield _segment(segment)

    def _check(self, job: Job) -> None:
        if job.language is not None and job.language not in self.languages:
            known = ", ".join(self.languages)
            raise UnknownLanguage(
                f"The language '{job.language}' is unknown to this model; it knows: {known}.",
                option="language",
            )
        if job.task == "translate" and not self._model.model.is_multilingual:
            raise UnsupportedOption("This model only knows English.", option="task")

    async def _run(self, step: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, step)


@asynccontextmanager
async def open_backend(config: WhisperModelConfig) -> AsyncGenerator[SpeechBackend, None]:
    """Load *config*'s weights off the event loop, from a directory or the hub."""
    from faster_whisper import WhisperModel

    options = config.options
    load = partial(
        WhisperModel,
        config.source,
        device=options.device,
        device_index=options.device_index,
        compute_type=options.compute_type,
        cpu_threads=options.cpu_threads,
        num_workers=options.num_workers,
        revision=options.revision,
        local_files_only=options.local_files_only,
    )
    with ThreadPoolExecutor(config.max_running, thread_name_prefix=config.id) as threads:
        model = await asyncio.get_running_loop().run_in_executor(threads, load)
        yield WhisperBackend(model, threads, max_seconds=options.max_audio_seconds)


def _arguments(job: Job) -> dict[str, Any]:
    """Name only what the request set: the rest stays faster-whisper's own defaults."""
    chosen = {
        "language": job.language,
        "initial_prompt": job.prompt,
        "temperature": job.temperature,
    }
    return {
        "task": job.task,
        "word_timestamps": job.word_timestamps,
        **{name: value for name, value in chosen.items() if value is not None},
    }


def _segment(segment: Any) -> Segment:
    # With word timestamps faster-whisper's times are NumPy scalars, which JSON does not know.
    words = segment.words
    return Segment(
        id=segment.id,
        seek=segment.seek,
        start=float(segment.start),
        end=float(segment.end),
        text=segment.text,
        tokens=tuple(segment.tokens),
        temperature=segment.temperature,
        avg_logprob=segment.avg_logprob,
        compression_ratio=segment.compression_ratio,
        no_speech_prob=segment.no_speech_prob,
        words=None if words is None else tuple(map(_word, words)),
    )


def _word(word: Any) -> Word:
    return Word(
        word=word.word,
        start=float(word.start),
        end=float(word.end),
        probability=float(word.probability),
    )
