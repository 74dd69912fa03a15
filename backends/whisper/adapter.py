"""Runs faster-whisper's own `transcribe` as a SpeechBackend, in one thread per running request.

A little longer than a file should be, so that all steps of one recording are in one place.
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
from backends.base import (
    Batch,
    Job,
    Manifest,
    Prepared,
    Segment,
    SpeechBackend,
    TranscriptInfo,
)
from backends.config import WhisperModelConfig
from backends.failures import EngineDead, InvalidOption
from backends.in_thread import in_thread
from backends.self_test import one_second
from backends.text.token_bytes import TokenBytes
from backends.threaded_engine import ThreadedBackend

from . import options
from .allocator import LONG_SECONDS, give_back, keep_large_blocks
from .batched_calls import BatchedWhisper
from .features import Extractor, one_thread_each
from .load import load, model_folder
from .manifest import model_manifest
from .model_proxy import SpecialTokens, WhisperProxy
from .segments import segment
from .voice_activity import speech, stand_in

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

log = logging.getLogger(__name__)

T = TypeVar("T")

_FLOAT_BYTES = 4

_SELF_TEST = Job(options={"temperatures": (0.0,), "max_new_tokens": 1, "vad_filter": False})
"""Job of the self-test: one token at one temperature, so that a large model on a CPU only pays for
the encoder. The language is detected, as for a request that names none."""


class WhisperBackend(ThreadedBackend[BatchedWhisper]):
    """A loaded `WhisperModel`, the batched calls under it, and a thread for each request."""

    def __init__(
        self,
        model: "WhisperModel",
        engine: BatchedWhisper,
        threads: ThreadPoolExecutor,
        config: WhisperModelConfig,
        *,
        manifest: Manifest,
        memory: AudioMemory,
    ) -> None:
        self._model = model
        super().__init__(engine, max_stall_seconds=config.max_stall_seconds)
        self._threads = threads
        self._options = config.options
        self._memory = memory
        self.preparer = options.Preparer(
            manifest=manifest,
            decoding=config.options.decoding,
            defaults=options.defaults(model.transcribe),
            languages=_languages(model),
            vocabulary=model.hf_tokenizer.get_vocab_size(),
        )
        """Checks jobs, also in another process: it can be pickled."""
        self._token_bytes = TokenBytes.of(model.hf_tokenizer)
        self._special = _special(model.hf_tokenizer)

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages that this model was trained on."""
        return self.preparer.languages

    def use_engine(self, engine: BatchedWhisper) -> None:
        """Start *engine*, and send all requests to it from now on."""
        self._model.model = engine.whisper
        super().use_engine(engine)

    async def self_test(self) -> None:
        """Transcribe a second of sound; raise the error if that fails."""
        await one_second(self, _SELF_TEST)

    def prepare(self, job: Job) -> Prepared:
        """Merge *job* with the model's defaults, check it, and return `transcribe`'s arguments.

        The manifest names the model and every argument, faster-whisper's own defaults included.
        """
        return self.preparer(job)

    async def transcribe(
        self, audio: BinaryIO, prepared: Prepared
    ) -> AsyncGenerator[TranscriptInfo | Segment, None]:
        """Decode *audio*, then transcribe it one window at a time, both off the event loop.

        Nothing is computed ahead: after the generator is closed, the engine finishes at most the
        call that is running.
        """
        self._engine.batcher.refuse_if_closed()  # before the recording is decoded
        job, arguments = prepared.job, options.fresh(prepared.arguments)
        proxy = WhisperProxy(
            self._engine,
            self._special,
            languages=job.languages,
            token_logprobs=job.token_logprobs,
        )
        reservation = self._memory.reservation(
            bytes_per_second=_bytes_per_second(self._model, arguments),
            longest=self._options.max_audio_seconds,
        )
        duration = 0.0
        segments: Any = None
        try:
            start = partial(self._start, proxy, audio, job, arguments, reservation)
            segments, info = await self._run(start)
            duration = info.duration
            yield info
            while (native := await self._run(partial(next, segments, None))) is not None:
                yield segment(native, self._token_bytes, logprobs=job.token_logprobs)
        finally:
            proxy.cancel()
            reservation.withdraw()
            segments = None
            if duration > LONG_SECONDS:
                self._threads.submit(give_back)

    def _start(
        self,
        proxy: WhisperProxy,
        audio: BinaryIO,
        job: Job,
        arguments: dict[str, Any],
        reservation: Reservation,
    ) -> tuple[Iterator[Any], TranscriptInfo]:
        """Decode *audio* and return faster-whisper's segments, not yet computed, and the info."""
        try:
            samples = decode(audio, self._options, reservation)
            duration = len(samples) / RATE
            segments, info = _transcribed(self._model, proxy, samples, arguments, reservation.turn)
            if duration > LONG_SECONDS:
                give_back()
        except BaseException:
            reservation.release()
            raise
        # The segments' generator holds the spectrogram, and a thread may still work on it after the
        # client has left. So the memory is released with the generator, not with the request.
        weakref.finalize(segments, reservation.release)
        return segments, TranscriptInfo(
            language=info.language,
            language_probability=info.language_probability,
            duration=duration,
            prompt_tokens=self._count(job.prompt) + self._count(arguments.get("hotwords")),
        )

    def _count(self, text: str | None) -> int:
        """Return the number of tokens of *text*, encoded as faster-whisper encodes a prompt."""
        if not text:
            return 0
        return len(self._model.hf_tokenizer.encode(f" {text.strip()}", add_special_tokens=False))

    async def _run(self, step: Callable[[], T]) -> T:
        """Run *step* in a thread; raise InvalidOption or EngineDead for faster-whisper's errors."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, step)
        except ValueError as error:
            # faster-whisper and CTranslate2 raise it for arguments that only fail with this audio.
            log.warning("refused by the engine", exc_info=error)
            raise InvalidOption(str(error)) from error
        except RuntimeError as error:
            # Those of CTranslate2 are EngineDead already; this is one of another library's.
            log.exception("the engine failed")
            raise EngineDead("The engine failed; the server's log has the reason.") from error


@asynccontextmanager
async def open_backend(
    config: WhisperModelConfig,
    on_batch: Callable[[Batch], None],
    on_restart: Callable[[], None],
    memory: AudioMemory,
) -> AsyncGenerator[SpeechBackend, None]:
    """Load the weights of *config*, from a directory or the hub, and yield the backend.

    They are loaded off the event loop. *on_batch* is called in an engine thread after every call of
    the engine, *on_restart* before each try to replace an engine that died. Recordings wait for
    room in *memory*.
    """
    settings = config.options
    if settings.device != "cuda":
        keep_large_blocks()
    folder = await in_thread(partial(model_folder, config))
    model = await in_thread(partial(load, folder, settings))
    manifest = await in_thread(partial(model_manifest, config, model, folder))
    engine = partial(
        BatchedWhisper, max_batch=settings.max_batch, on_batch=on_batch, name=config.id
    )

    async def another() -> BatchedWhisper:
        return engine((await in_thread(partial(load, folder, settings))).model)

    with (
        ThreadPoolExecutor(config.max_running, thread_name_prefix=config.id) as threads,
        one_thread_each(),
    ):
        backend = WhisperBackend(
            model, engine(model.model), threads, config, manifest=manifest, memory=memory
        )
        async with backend.supervised(
            another, name=config.id, max_restarts=config.max_restarts, on_restart=on_restart
        ):
            yield backend


def _transcribed(
    model: "WhisperModel",
    proxy: WhisperProxy,
    samples: Samples,
    arguments: dict[str, Any],
    turn: AbstractContextManager[object],
) -> tuple[Iterator[Any], Any]:
    """Return the segments and the info that *model*'s `transcribe` returns for *samples*.

    Frees the samples.
    """
    from faster_whisper.transcribe import restore_speech_timestamps

    own = _model_of_request(model, proxy, samples, turn)
    if not arguments.get("vad_filter"):
        segments, info = own.transcribe(stand_in(samples), **arguments)
        return iter(segments), info
    # The same steps that `transcribe` takes with `vad_filter`, but in bounded memory.
    arguments = {**arguments, "vad_filter": False}
    stretches = speech(samples, arguments.pop("vad_parameters", {}), proxy.check)
    samples.keep((stretch["start"], stretch["end"]) for stretch in stretches)
    segments, info = own.transcribe(stand_in(samples), **arguments)
    if stretches:
        segments = restore_speech_timestamps(segments, stretches, RATE)
    return iter(segments), info


def _model_of_request(
    model: "WhisperModel",
    proxy: WhisperProxy,
    samples: Samples,
    turn: AbstractContextManager[object],
) -> "WhisperModel":
    """Return a shallow copy of *model* for one request, with *proxy* and an Extractor of its own.

    faster-whisper keeps the length of a window in the extractor.
    """
    own = copy.copy(model)
    own.model = proxy
    own.feature_extractor = Extractor(model.feature_extractor, samples, proxy.check, turn)
    return own


def _bytes_per_second(model: "WhisperModel", arguments: dict[str, Any]) -> int:
    """Return the most bytes that a second of audio takes, as samples or as a spectrogram."""
    extractor = model.feature_extractor
    frames = RATE // extractor.hop_length
    spectrogram = extractor.mel_filters.shape[0] * frames * _FLOAT_BYTES
    # The detection of speech pads the stand-in, which copies it: a byte for each sample.
    samples = RATE * (SAMPLE_BYTES + bool(arguments.get("vad_filter")))
    return max(int(spectrogram), samples)


def _languages(model: "WhisperModel") -> tuple[str, ...]:
    """Return the codes of the languages for which *model* has a token.

    faster-whisper lists the languages of all Whisper models, also those that this one lacks.
    """
    codes = model.supported_languages
    if not model.model.is_multilingual:
        return tuple(codes)
    return tuple(c for c in codes if model.hf_tokenizer.token_to_id(f"<|{c}|>") is not None)


def _special(tokenizer: Any) -> SpecialTokens:
    return SpecialTokens(
        start=tokenizer.token_to_id("<|startoftranscript|>"),
        end=tokenizer.token_to_id("<|endoftext|>"),
        no_timestamps=tokenizer.token_to_id("<|notimestamps|>"),
    )
