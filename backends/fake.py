"""A deterministic engine for tests and load, which can be configured to be slow, fail or die."""

import asyncio
import hashlib
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, BinaryIO

import numpy as np

from backends.text.text_only import refuse_beyond_text

from .base import (
    Backend,
    Candidate,
    Embedding,
    EmbeddingJob,
    Finish,
    Generated,
    Generation,
    Job,
    Prepared,
    Prompt,
    PromptEcho,
    Segment,
    TextDelta,
    TranscriptInfo,
)
from .config import FakeModelConfig, FakeOptions
from .conversation import Conversation, parts
from .failures import InvalidOption, PromptTooLong, UndecodableAudio, UnknownLanguage
from .fake_script import Script


class _Letters(Script):
    """A text engine whose tokens are letters: an id is the letter's code point."""

    def __init__(self, options: FakeOptions) -> None:
        super().__init__(options)
        self.max_model_len = options.max_model_len

    async def tokenize(self, prompt: Prompt, *, add_special_tokens: bool = True) -> list[int]:
        """Return the code points of *prompt*; there are no special tokens."""
        del add_special_tokens
        text = " ".join(_contents(prompt))
        return await asyncio.to_thread(lambda: [ord(letter) for letter in text])

    async def detokenize(self, tokens: tuple[int, ...]) -> str:
        """Return the letters with these code points; raise InvalidOption for an unknown one."""
        return await asyncio.to_thread(_text, tokens)

    async def token_texts(self, tokens: tuple[int, ...]) -> list[str]:
        """Return each letter; raise InvalidOption for an unknown code point."""
        return list(await self.detokenize(tokens))

    def tokenizer_info(self) -> dict[str, Any]:
        """Return None for every special token and for the chat template."""
        return {"bos_token": None, "eos_token": None, "pad_token": None, "chat_template": None}


class FakeChat(_Letters):
    """Repeats the last message word by word; counts each word as a token."""

    async def generate(self, generation: Generation) -> AsyncGenerator[Generated, None]:
        """Yield the last message's words for each of the `n` choices, one choice after another."""
        refuse_beyond_text(generation, engine="fake")
        sampling = generation.sampling
        contents = self._fitting(generation.prompt)
        prompt = sum(len(content.split()) for content in contents)
        words = contents[-1].split()
        limit = sampling.max_tokens
        limit = self.max_model_len - prompt if limit is None else limit
        with self.begin(contents[-1].encode()) as course:
            if generation.echo:
                yield PromptEcho(text=contents[-1])
            for index in range(sampling.n):
                for item, word in enumerate(words[:limit]):
                    await course.before(item)
                    yield TextDelta(index=index, text=word if item == 0 else f" {word}")
                yield Finish(
                    index=index,
                    reason="length" if len(words) > limit else "stop",
                    prompt_tokens=prompt,
                    completion_tokens=min(len(words), limit),
                )

    def _fitting(self, prompt: Prompt) -> list[str]:
        """Return the contents of *prompt*, or raise PromptTooLong.

        Splits off no more words than the context holds, however long *prompt* is.
        """
        room = self.max_model_len
        if isinstance(prompt, tuple) and len(prompt) >= room:
            raise PromptTooLong.by(prompt=len(prompt), completion=1, context=room)
        contents = _contents(prompt)
        for content in contents:
            room -= len(content.split(maxsplit=room))
            if room <= 0:
                raise PromptTooLong.uncounted(context=self.max_model_len)
        return contents


def _text(tokens: tuple[int, ...]) -> str:
    if any(token > sys.maxunicode for token in tokens):
        raise InvalidOption("There are token ids beyond Unicode.", option="tokens")
    return "".join(map(chr, tokens))


def _contents(prompt: Prompt) -> list[str]:
    match prompt:
        case Conversation(messages):
            return [
                " ".join(part for part in parts(message.content) if isinstance(part, str))
                for message in messages
            ]
        case str():
            return [prompt]
        case _:  # each token id counts as a word
            return [" ".join(map(str, prompt))]


class FakeEmbedding(_Letters):
    """Makes a vector from the hash of a text; counts each word as a token."""

    async def embed(self, job: EmbeddingJob) -> AsyncGenerator[Embedding, None]:
        """Yield a vector of up to 32 numbers from -1 to 1, the same for the same words."""
        limit = job.truncate_prompt_tokens
        words = _contents(job.input)[0].split(maxsplit=self.max_model_len)
        words = words[: self.max_model_len if limit == -1 else limit]
        if len(words) > self.max_model_len:
            raise PromptTooLong(
                f"This model's maximum context length is {self.max_model_len} tokens. However, "
                f"your input has more than {self.max_model_len} tokens.",
                option="input",
            )
        with self.begin(" ".join(words).encode()) as course:
            await course.before(0)
        digest = hashlib.sha256(" ".join(words).encode()).digest()
        values = np.frombuffer(digest, np.uint8).astype(np.float32) / np.float32(127.5) - 1
        yield Embedding(values=values[: job.dimensions], prompt_tokens=len(words))


_LANGUAGES = ("en", "de")


def _prepared(job: Job) -> Prepared:
    known = ", ".join(_LANGUAGES)
    if job.language not in (None, *_LANGUAGES):
        raise UnknownLanguage(f"The fake engine speaks {known}.", option="language")
    if not {*job.languages} <= {*_LANGUAGES}:
        raise UnknownLanguage(f"The fake engine speaks {known}.", option="languages")
    manifest = {"engine": "fake", "task": job.task, "language": job.language}
    return Prepared(job=job, manifest=manifest)


class FakeSpeech(Script):
    """Reads a text file as a recording: every line is a segment of one second."""

    languages = _LANGUAGES

    def prepare(self, job: Job) -> Prepared:
        """Accept two languages, and any option; raise UnknownLanguage for other languages."""
        return _prepared(job)

    @property
    def preparer(self) -> Callable[[Job], Prepared]:
        """What `prepare` calls, for other processes."""
        return _prepared

    async def transcribe(
        self, audio: BinaryIO, prepared: Prepared
    ) -> AsyncGenerator[TranscriptInfo | Segment, None]:
        """Yield a segment for each line of text; raise UndecodableAudio for other bytes."""
        job = prepared.job
        audio.seek(0)
        recording = audio.read()
        try:
            lines = recording.decode().splitlines()
        except UnicodeDecodeError as error:
            raise UndecodableAudio("The fake engine only hears UTF-8.", option="audio") from error
        if not lines:
            raise UndecodableAudio("The file holds no audio.", option="audio")
        with self.begin(recording) as course:
            yield TranscriptInfo(
                language=job.language or "en",
                language_probability=1.0,
                duration=float(len(lines)),
                prompt_tokens=len((job.prompt or "").split()),
            )
            for second, line in enumerate(lines):
                await course.before(second)
                yield Segment(
                    id=second + 1,
                    seek=second * 100,
                    start=float(second),
                    end=float(second + 1),
                    text=f" {line}",
                    tokens=tuple(line.encode()),
                    temperature=job.options.get("temperatures", (0.0,))[0],
                    avg_logprob=-0.1,
                    compression_ratio=1.0,
                    no_speech_prob=0.0,
                    logprobs=_candidates(f" {line}") if job.token_logprobs else None,
                )


def _candidates(text: str) -> tuple[Candidate, ...]:
    return tuple(Candidate(letter, -0.1, letter.encode()) for letter in text)


@asynccontextmanager
async def open_backend(config: FakeModelConfig) -> AsyncGenerator[Backend, None]:
    """Yield the fake engine of the kind in `source`."""
    await asyncio.sleep(config.options.start_seconds)
    match config.source:
        case "chat":
            yield FakeChat(config.options)
        case "speech":
            yield FakeSpeech(config.options)
        case "embedding":
            yield FakeEmbedding(config.options)
