"""faster-whisper behind the seam: its own `transcribe`, one thread per running request.

A little longer than a file should be: the way of one recording is read from top to bottom.
"""

import asyncio
import copy
import logging
import weakref
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from backends.audio.decode import decode
from backends.audio.memory import AudioMemory, Reservation
from backends.audio.samples import RATE, SAMPLE_BYTES, Samples
from backends.base import Batch, Job, Manifest, Segment, SpeechBackend, TranscriptInfo
from backends.config import WhisperModelConfig
from backends.failures import EngineDead, InvalidOption
from backends.self_test import one_second
from backends.text.token_bytes import TokenBytes

from . import options
from .allocator import LONG, give_back, keep_large_blocks
from .batched_calls import Engine
from .features import Extractor, one_thread_each
from .manifest import made_of
from .model_proxy import Seat, Special
from .segments import segment
from .voice_activity import speech, stand_in

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

log = logging.getLogger(__name__)

T = TypeVar("T")

_FLOAT_BYTES = 4


class WhisperBackend:
    """A loaded `WhisperModel`, the batching engine under it, and a thread for each request."""

    def __init__(
        self,
        model: "WhisperModel",
        engine: Engine,
        threads: ThreadPoolExecutor,
        config: WhisperModelConfig,
        *,
        made_of: Manifest,
        memory: AudioMemory,
    ) -> None:
        self._model = model
        self._engine = engine
        self._threads = threads
        self._options = config.options
        self._made_of = made_of
        self._memory = memory
        self._vocabulary = model.hf_tokenizer.get_vocab_size()
        self._languages = _languages(model)
        self._pieces = TokenBytes.of(model.hf_tokenizer)
        self._special = _special(model.hf_tokenizer)
        self._defaults = options.defaults(model.transcribe)

    @property
    def languages(self) -> tuple[str, ...]:
        """The codes that this model was trained on."""
        return self._languages

    async def ready(self) -> bool:
        """Whether the engine's last call succeeded: a GPU that was lost does not come back."""
        return not self._engine.batcher.failing

    async def self_test(self) -> None:
        """Transcribe a second of sound."""
        await one_second(self)

    def check(self, job: Job) -> None:
        """Judge *job* without its audio."""
        self._arguments(job)

    def manifest(self, job: Job) -> Manifest:
        """Return the model and all arguments of `transcribe` for *job*, its defaults included."""
        effective = {**self._defaults, **self._arguments(job), "languages": list(job.languages)}
        return {**self._made_of, "transcribe": effective}

    async def transcribe(
        self, audio: BinaryIO, job: Job
    ) -> AsyncGenerator[TranscriptInfo | Segment, None]:
        """Decode and transcribe off the event loop, one window at a time.

        Nothing is computed ahead: a generator that is closed costs at most the call to the engine
        that is running.
        """
        given = self._arguments(job)
        seat = Seat(
            self._engine,
            self._special,
            languages=job.languages,
            token_logprobs=job.token_logprobs,
        )
        reservation = self._memory.reservation(
            bytes_per_second=_bytes_per_second(self._model, given),
            longest=self._options.max_audio_seconds,
        )
        duration = 0.0
        segments: Any = None
        try:
            start = partial(self._start, seat, audio, job, given, reservation)
            segments, found = await self._run(start)
            duration = found.duration
            yield found
            while (item := await self._run(partial(next, segments, None))) is not None:
                yield segment(item, self._pieces, logprobs=job.token_logprobs)
        finally:
            seat.leave()
            reservation.withdraw()
            segments = None
            if duration > LONG:
                self._threads.submit(give_back)

    def _arguments(self, job: Job) -> dict[str, Any]:
        given = options.arguments(job, self._options.decoding)
        options.check(job, given, languages=self.languages, vocabulary=self._vocabulary)
        return given

    def _start(
        self,
        seat: Seat,
        audio: BinaryIO,
        job: Job,
        given: dict[str, Any],
        reservation: Reservation,
    ) -> tuple[Iterator[Any], TranscriptInfo]:
        try:
            samples = decode(audio, self._options, reservation)
            duration = len(samples) / RATE
            segments, found = _transcribed(self._model, seat, samples, given, reservation.turn)
            if duration > LONG:
                give_back()
        except BaseException:
            reservation.release()
            raise
        # The spectrogram is theirs, and lives as long: a thread may be at work on it after all that
        # wanted the transcript have left.
        weakref.finalize(segments, reservation.release)
        return segments, TranscriptInfo(
            language=found.language,
            language_probability=found.language_probability,
            duration=duration,
            prompt_tokens=self._count(job.prompt) + self._count(given.get("hotwords")),
        )

    def _count(self, text: str | None) -> int:
        if not text:
            return 0
        return len(self._model.hf_tokenizer.encode(f" {text.strip()}", add_special_tokens=False))

    async def _run(self, step: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, step)
        except ValueError as error:
            # So faster-whisper and CTranslate2 refuse arguments that only fail with this audio.
            log.warning("refused by the engine", exc_info=error)
            raise InvalidOption(str(error)) from error
        except RuntimeError as error:
            # So CTranslate2 reports what a device could not do: no memory, a lost GPU.
            log.exception("the engine failed")
            raise EngineDead(f"The engine failed: {error}") from error


@asynccontextmanager
async def open_backend(
    config: WhisperModelConfig, on_batch: Callable[[Batch], None], memory: AudioMemory
) -> AsyncGenerator[SpeechBackend, None]:
    """Load *config*'s weights off the event loop, from a directory or the hub.

    Its recordings wait for *memory*.
    """
    from faster_whisper import WhisperModel

    given = config.options
    if given.device != "cuda":
        keep_large_blocks()
    load = partial(
        WhisperModel,
        config.source,
        device=given.device,
        device_index=given.device_index,
        compute_type=given.compute_type,
        cpu_threads=given.cpu_threads,
        num_workers=given.num_workers,
        revision=given.revision,
        local_files_only=given.local_files_only,
    )
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(config.max_running, thread_name_prefix=config.id) as threads:
        model = await loop.run_in_executor(threads, load)
        weights = await loop.run_in_executor(threads, partial(made_of, config, model))
        engine = Engine(model.model, max_batch=given.max_batch, on_batch=on_batch)
        with one_thread_each(), engine.running():
            yield WhisperBackend(model, engine, threads, config, made_of=weights, memory=memory)


def _transcribed(
    model: "WhisperModel",
    seat: Seat,
    samples: Samples,
    given: dict[str, Any],
    turn: AbstractContextManager[object],
) -> tuple[Iterator[Any], Any]:
    """Return what *model*'s `transcribe` returns for *samples*, which are then forgotten."""
    from faster_whisper.transcribe import restore_speech_timestamps

    if not given.get("vad_filter"):
        segments, found = _seated(model, seat, samples, turn).transcribe(stand_in(samples), **given)
        return iter(segments), found
    # What `transcribe` would do with the filter, but in pieces.
    given = {**given, "vad_filter": False}
    stretches = speech(samples, given.pop("vad_parameters", {}), seat.check)
    samples.keep((stretch["start"], stretch["end"]) for stretch in stretches)
    segments, found = _seated(model, seat, samples, turn).transcribe(stand_in(samples), **given)
    if stretches:
        segments = restore_speech_timestamps(segments, stretches, RATE)
    return iter(segments), found


def _seated(
    model: "WhisperModel", seat: Seat, samples: Samples, turn: AbstractContextManager[object]
) -> "WhisperModel":
    """Return *model* as one request has it: its engine is the seat, its extractor its own.

    faster-whisper keeps the length of a window in the extractor.
    """
    own = copy.copy(model)
    own.model = seat
    own.feature_extractor = Extractor(model.feature_extractor, samples, seat.check, turn)
    return own


def _bytes_per_second(model: "WhisperModel", given: dict[str, Any]) -> int:
    """Return what a second of audio holds at most: samples make way for the spectrogram."""
    extractor = model.feature_extractor
    frames = RATE // extractor.hop_length
    spectrogram = extractor.mel_filters.shape[0] * frames * _FLOAT_BYTES
    # The detection of speech wants a stand-in as long as the samples.
    samples = RATE * (SAMPLE_BYTES + bool(given.get("vad_filter")))
    return max(int(spectrogram), samples)


def _languages(model: "WhisperModel") -> tuple[str, ...]:
    """Return the languages that have a token: faster-whisper lists all that any Whisper knows."""
    codes = model.supported_languages
    if not model.model.is_multilingual:
        return tuple(codes)
    return tuple(c for c in codes if model.hf_tokenizer.token_to_id(f"<|{c}|>") is not None)


def _special(tokenizer: Any) -> Special:
    return Special(
        start=tokenizer.token_to_id("<|startoftranscript|>"),
        end=tokenizer.token_to_id("<|endoftext|>"),
        no_timestamps=tokenizer.token_to_id("<|notimestamps|>"),
    )
