"""Backends whose engines are replicas in a cluster: the values of the seam cross as they are."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from importlib.metadata import version
from typing import Any, BinaryIO

from msgspec.structs import replace

from backends.base import (
    Backend,
    Embedding,
    EmbeddingJob,
    Generated,
    Generation,
    Job,
    Prepared,
    Prompt,
    ReplicaState,
    Segment,
    TranscriptInfo,
)
from backends.cluster_config import Replication

from .calls import Calls
from .facts import Facts
from .replica import Recording


class _Replicated:
    """What the backends of all kinds have in common."""

    def __init__(self, calls: Calls, facts: Facts) -> None:
        self._calls = calls
        self._facts = facts
        self.stamp = facts.stamp
        """A hash of the model's files and of the engines' packages, the same in all replicas."""

    def replicas(self) -> tuple[ReplicaState, ...]:
        """Return the replicas that take requests now; makes no call."""
        return self._calls.replicas()

    async def ready(self) -> bool:
        """Return whether there is a replica; Ray Serve removes one that is not healthy."""
        return bool(self.replicas())

    async def self_test(self) -> None:
        """Let each replica answer a small request; raise the first error."""
        await self._calls.everywhere("self_test")


class _ReplicatedText(_Replicated):
    @property
    def max_model_len(self) -> int:
        """Tokens of the model's context."""
        return self._facts.max_model_len

    def tokenizer_info(self) -> dict[str, Any]:
        """Return what the first replica reported when it opened."""
        return self._facts.tokenizer_info

    async def tokenize(self, prompt: Prompt, *, add_special_tokens: bool = True) -> list[int]:
        """Return the token ids of *prompt*."""
        options = {"add_special_tokens": add_special_tokens}
        tokens: list[int] = await self._calls.call("tokenize", prompt, **options)
        return tokens

    async def detokenize(self, tokens: tuple[int, ...]) -> str:
        """Return the text of *tokens*; raise InvalidOption if one is unknown."""
        text: str = await self._calls.call("detokenize", tokens)
        return text

    async def token_texts(self, tokens: tuple[int, ...]) -> list[str]:
        """Return the text of each of *tokens*; raise InvalidOption if one is unknown."""
        texts: list[str] = await self._calls.call("token_texts", tokens)
        return texts


class ReplicatedChat(_ReplicatedText):
    """A chat model."""

    def generate(self, generation: Generation) -> AsyncGenerator[Generated, None]:
        """Yield the answer to *generation*; closing cancels it in its replica."""
        if generation.stream:
            return self._calls.stream("generate", generation)
        return self._calls.whole("generate", generation)


class ReplicatedEmbedding(_ReplicatedText):
    """An embedding model."""

    def embed(self, job: EmbeddingJob) -> AsyncGenerator[Embedding, None]:
        """Yield the vector of one text; closing cancels it in its replica."""
        return self._calls.whole("embed", job)


class ReplicatedSpeech(_Replicated):
    """A speech model. Jobs are checked here, recordings transcribed there.

    *reference_bytes*: the size above which a recording travels through Ray's object store.
    """

    def __init__(
        self, calls: Calls, facts: Facts, *, replication: Replication, reference_bytes: int
    ) -> None:
        super().__init__(calls, facts)
        self._reference_bytes = reference_bytes
        scaling = replication.autoscaling
        self._about = {
            "ray": version("ray"),
            "replicas": [scaling.min, scaling.max] if scaling else replication.replicas,
        }
        """What manifests say of the cluster: not the replicas of the moment, so that one
        configuration has one manifest."""

    @property
    def languages(self) -> tuple[str, ...]:
        """The language codes that a job may name."""
        return self._facts.languages

    def prepare(self, job: Job) -> Prepared:
        """Check *job* with the replicas' own code and facts."""
        assert self._facts.preparer is not None  # noqa: S101  every speech model has one
        prepared = self._facts.preparer(job)
        return replace(prepared, manifest={**prepared.manifest, "cluster": self._about})

    async def transcribe(
        self, audio: BinaryIO, prepared: Prepared
    ) -> AsyncGenerator[TranscriptInfo | Segment, None]:
        """Send *audio* to a replica, whole, and yield the transcript."""
        audio.seek(0)
        content = audio.read()
        items = self._calls.stream(
            "transcribe",
            Recording(content),
            prepared,
            by_reference=len(content) > self._reference_bytes,
        )
        async with aclosing(items):
            async for item in items:
                yield item


def backend(
    calls: Calls, facts: Facts, *, replication: Replication, reference_bytes: int
) -> Backend:
    """Return the backend of the kind that *facts* name."""
    match facts.kind:
        case "chat":
            return ReplicatedChat(calls, facts)
        case "embedding":
            return ReplicatedEmbedding(calls, facts)
        case "speech":
            return ReplicatedSpeech(
                calls, facts, replication=replication, reference_bytes=reference_bytes
            )
