"""The server's answers are those of the engine in this process, with the same weights."""

import asyncio
from typing import Any, Protocol

from msgspec.structs import replace

from evals.verify import samples
from evals.verify.answers import (
    Answer,
    Comparison,
    of_chat,
    of_embeddings,
    of_text,
    of_transcription,
)
from evals.verify.check import Check
from evals.verify.local import speech
from evals.verify.local.ct2 import Ct2Text
from evals.verify.local.hugging_face import HuggingFaceText, HuggingFaceVectors
from evals.verify.reply import Reply
from evals.verify.shapes import Chat, Embeddings, Text, Transcription
from evals.verify.target import ECHO, GREEDY, LOGPROBS, Target
from evals.verify.verdict import Findings, NotChecked
from evals.verify.weights import Weights


class TextEngine(Protocol):
    """What generates and weighs texts in this process."""

    def chat(self, question: str, *, max_tokens: int) -> Answer:
        """Return the greedy answer to *question*."""

    def weigh(self, prompt: str) -> Answer:
        """Return the log probabilities of *prompt*."""


async def same_weights(target: Target, found: Findings) -> None:
    """The server's manifest has the SHA-256 of the very files that are compared with."""
    weights = _weights(target)
    manifest = await target.server.manifest(target.model)
    if not manifest.get("files"):
        raise NotChecked("the server does not show the hashes of this model's files")
    for name, expected in (await asyncio.to_thread(weights.hashes)).items():
        request = f"GET /v1/models/{target.model}/manifest: {name}"
        found.equal(request, expected=expected, got=manifest["files"].get(name))


async def chats_as_in_process(target: Target, found: Findings) -> None:
    """Greedy answers have the text, and the log probabilities, that the engine gives here."""
    engine = await _text_engine(_weights(target))
    options = {} if target.lacks("chat logprobs") else LOGPROBS
    comparison = Comparison(found)
    for question in samples.QUESTIONS:
        reply = await target.chat(question, **options)
        got = replace(of_chat(reply.read(Chat)), tokens=(), finish="")
        expected = await asyncio.to_thread(
            engine.chat, question, max_tokens=int(GREEDY["max_tokens"])
        )
        comparison.add(reply.request, expected=_comparable(expected, got), got=got)
    comparison.note()


def _comparable(expected: Answer, got: Answer) -> Answer:
    """Return *expected* without numbers if *got* has none, or without the end token's number."""
    if not got.numbers or len(got.numbers) == len(expected.numbers) - 1:
        return replace(expected, numbers=expected.numbers[: len(got.numbers)])
    return expected


async def weighed_texts_as_in_process(target: Target, found: Findings) -> None:
    """The log probabilities of prompts (echo) are those that the engine gives here."""
    target.needs("echo")
    engine = await _text_engine(_weights(target))
    comparison = Comparison(found)
    for prompt in samples.TEXTS:
        reply = await target.text(prompt, **ECHO)
        got = replace(of_text(reply.read(Text)), tokens=(), finish="")
        expected = await asyncio.to_thread(engine.weigh, prompt)
        comparison.add(reply.request, expected=expected, got=got)
    comparison.note()


async def embeddings_as_in_process(target: Target, found: Findings) -> None:
    """Vectors are those that transformers gives here."""
    engine: HuggingFaceVectors = await _made(HuggingFaceVectors, _weights(target))
    comparison = Comparison(found)
    for text in samples.TEXTS:
        reply = await target.embedding([text])
        expected = await asyncio.to_thread(engine.embed, text)
        comparison.add(reply.request, expected=expected, got=of_embeddings(reply.read(Embeddings)))
    comparison.note()


async def transcriptions_as_in_process(target: Target, found: Findings) -> None:
    """Texts, tokens, times and figures are those of faster-whisper here, with the same options."""
    weights, comparison = _weights(target), Comparison(found)
    form = {} if target.lacks("verbose_json") else {"response_format": "verbose_json"}
    engine = await _made(speech.Speech, weights, await target.server.manifest(target.model))
    for clip in samples.clips():
        reply = await target.transcription(clip, **form)
        got = of_transcription(reply.read(Transcription))
        options = speech.options(await _manifest(target, reply))
        expected = await asyncio.to_thread(engine.transcribe, clip, options)
        if not got.numbers:
            expected = Answer(text=expected.text)
        comparison.add(reply.request, expected=expected, got=got)
    comparison.note()


def _weights(target: Target) -> Weights:
    if target.weights is None:
        raise NotChecked(f"no weights to compare with: --local {target.model}=DIR")
    return target.weights


async def _text_engine(weights: Weights) -> TextEngine:
    kind = Ct2Text if weights.ctranslate2 else HuggingFaceText
    engine: TextEngine = await _made(kind, weights)
    return engine


async def _made(make: Any, *arguments: Any) -> Any:
    """Call *make* in a thread. Raises NotChecked if its engine is not installed."""
    try:
        return await asyncio.to_thread(make, *arguments)
    except ImportError as error:
        raise NotChecked(f"{error.name} is not installed here") from error


async def _manifest(target: Target, reply: Reply) -> dict[str, Any]:
    """Return the manifest of the very answer *reply*; {} if the server has none."""
    short = reply.headers.get("x-shim-manifest")
    return await target.server.manifest(target.model, short) if short else {}


CHECKS = (
    Check("fidelity", ("transcriptions",), same_weights),
    Check("fidelity", ("chat",), chats_as_in_process),
    Check("fidelity", ("text",), weighed_texts_as_in_process),
    Check("fidelity", ("embeddings",), embeddings_as_in_process),
    Check("fidelity", ("transcriptions",), transcriptions_as_in_process),
)
