"""One model of a server: which routes and features it has, and the plain requests to it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
from openai.types.chat import ChatCompletionChunk

from evals.verify import samples
from evals.verify.reply import Reply
from evals.verify.server import Server
from evals.verify.verdict import Breach, NotChecked
from evals.verify.weights import Weights

Feature = Literal[
    "chat",
    "chat logprobs",
    "text",
    "echo",
    "responses",
    "embeddings",
    "transcriptions",
    "verbose_json",
]
ROUTES: tuple[Feature, ...] = ("chat", "text", "responses", "embeddings", "transcriptions")
"""Features that are routes; the others are options of one."""

GREEDY = {"temperature": 0, "max_tokens": 24}
"""A short answer of the most probable tokens."""
LOGPROBS = {"logprobs": True, "top_logprobs": 2}
ECHO = {"echo": True, "logprobs": 1, "max_tokens": 0}
ONE_TEMPERATURE = {"temperatures": "0"}
"""faster-whisper's ladder of temperatures without the steps that draw at random. A server that
refuses it gets `temperature: 0` alone."""


class Target:
    """A model of *server*; *weights* are the same ones on this machine, or None."""

    def __init__(self, server: Server, model: str, weights: Weights | None = None) -> None:
        self.server = server
        self.model = model
        self.weights = weights
        self.replies: dict[Feature, Reply] = {}
        """The answer to the plain request that shows whether there is a feature."""
        self.speech: dict[str, Any] = {"temperature": 0}
        """The options of each transcription."""

    async def look(self) -> None:
        """Find the features, by one request each. One without an answer has the status 0."""
        (question, *_), (text, *_), (clip, *_) = samples.QUESTIONS, samples.TEXTS, samples.clips()
        short = {"temperature": 0, "max_tokens": 1}
        requests: dict[Feature, Callable[[], Awaitable[Reply]]] = {
            "chat": lambda: self.chat(question, **short),
            "chat logprobs": lambda: self.chat(question, **short, **LOGPROBS),
            "text": lambda: self.text(text, **short),
            "echo": lambda: self.text(text, temperature=0, **ECHO),
            "responses": lambda: self.response(question, temperature=0),
            "embeddings": lambda: self.embedding([text]),
            "transcriptions": lambda: self._first_transcription(clip),
            "verbose_json": lambda: self.transcription(clip, response_format="verbose_json"),
        }
        for feature, request in requests.items():
            try:
                self.replies[feature] = await request()
            except Breach as failure:
                asked, got = failure.evidence.request, failure.evidence.got
                self.replies[feature] = Reply(asked, 0, {}, got.encode(), lambda: None)

    def lacks(self, feature: Feature) -> str:
        """Return the reason why the model does not have *feature*; "" if it has it."""
        reply = self.replies[feature]
        return "" if reply.ok else reply.reason

    def needs(self, feature: Feature) -> None:
        """Raise NotChecked if the model does not have *feature*."""
        if reason := self.lacks(feature):
            raise NotChecked(f"no {feature}: refused with {reason}")

    @property
    def fingerprint(self) -> str | None:
        """The `system_fingerprint` of the answers, if they have one."""
        for feature in ("chat", "text"):
            reply = self.replies[feature]
            if reply.ok:
                fields = msgspec.json.decode(reply.content)
                return fields.get("system_fingerprint") if isinstance(fields, dict) else None
        return None

    async def chat(self, question: str, **options: Any) -> Reply:
        """Send *question*, by default for a short greedy answer."""
        messages = [{"role": "user", "content": question}]
        return await self.server.chat(self.model, messages, **merged(GREEDY, options))

    async def streamed_chunks(self, question: str) -> list[ChatCompletionChunk]:
        """Return the chunks of a greedy answer as the stock client reads them. Raises Breach."""
        messages = [{"role": "user", "content": question}]
        return await self.server.chunks(self.model, messages, **GREEDY)

    async def text(self, prompt: str, **options: Any) -> Reply:
        """Send *prompt* to be continued, by default with a short greedy answer."""
        return await self.server.text(self.model, prompt, **merged(GREEDY, options))

    async def response(self, text: str, **options: Any) -> Reply:
        """Send *text* to the route of responses."""
        options = {"temperature": 0, "max_output_tokens": 24, **options}
        return await self.server.response(self.model, text, **options)

    async def embedding(self, texts: list[str], **options: Any) -> Reply:
        """Send *texts* to be embedded."""
        return await self.server.embedding(self.model, texts, **options)

    async def transcription(self, clip: Path, **options: Any) -> Reply:
        """Send *clip*, by default in `json`."""
        return await self.server.transcription(self.model, clip, **merged(self.speech, options))

    async def _first_transcription(self, clip: Path) -> Reply:
        """Send *clip* without a ladder of temperatures, or with it if that option is refused."""
        self.speech = {"temperature": 0, **ONE_TEMPERATURE}
        reply = await self.transcription(clip)
        if reply.refused:
            self.speech = {"temperature": 0}
            reply = await self.transcription(clip)
        return reply


def merged(defaults: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Return *defaults* changed by *options*; a value of None leaves the option out."""
    together = {**defaults, **options}
    return {name: value for name, value in together.items() if value is not None}
