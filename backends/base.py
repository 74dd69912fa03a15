"""The seam: values that cross between the wire and an engine, and the Protocols of engines.

Longer than a file should be, so that whoever writes a backend reads one.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, BinaryIO, Literal, Protocol, runtime_checkable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from .conversation import Conversation

# ── text ──────────────────────────────────────────────────────────────────────


Prompt = Conversation | str | tuple[int, ...]
"""What is continued. A text gets the tokenizer's special tokens, ids are taken as they are."""


class Sampling(Struct, frozen=True, kw_only=True):
    """How tokens are drawn. None leaves a value to the engine (the model's generation config)."""

    max_tokens: int | None = None
    """At most so many generated tokens; None: the model's own bound, or what the context holds.
    0 generates none, and only makes sense with `echo`."""
    n: int = 1
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logit_bias: dict[int, float] = {}
    top_logprobs: int | None = None
    """Alternatives per token; 0: the drawn token's own log probability; None: none at all."""


class JsonFormat(Struct, frozen=True, kw_only=True):
    """The generated text is one JSON value."""

    schema: dict[str, Any] | None = None
    """JSON Schema that it satisfies; None: any object."""
    name: str = "answer"
    """What the request calls the schema; some templates show it to the model."""


class Generation(Struct, frozen=True, kw_only=True):
    """One request: what to continue, and how."""

    prompt: Prompt
    sampling: Sampling
    echo: bool = False
    """Whether the prompt is told first; with log probabilities if `top_logprobs` asks for them."""
    format: JsonFormat | None = None
    adapter: str | None = None
    """One of the model's adapters, by its configured name; None: the model as it is."""
    stream: bool = True
    """Whether pieces are wanted as they come; else all may come at once, in the end."""
    extras: Mapping[str, Any] = {}
    """Options that are one engine's own, by its names and in values that JSON knows. A backend
    raises UnsupportedOption for those that it has not."""


# Neither holds a reference to anything that could refer to it: a scored prompt makes tens of
# thousands of them, which no garbage collection has to walk.
LOWEST_LOGPROB = -9999.0
"""The logarithm of probability 0 in answers: JSON does not have minus infinity. vLLM's number."""


class Candidate(Struct, frozen=True, gc=False):
    """A token that could have been drawn, with its natural-log probability."""

    token: str
    """Its text; a byte that is no whole character stands there as `\\x` and two digits."""
    logprob: float
    bytes: bytes


class TokenLogprob(Struct, frozen=True, gc=False):
    """A drawn token and its most probable rivals, most probable first."""

    drawn: Candidate
    top: tuple[Candidate, ...] = ()


class PromptEcho(Struct, frozen=True, kw_only=True):
    """The prompt, where its echo was asked for: comes exactly once, first."""

    text: str
    tokens: tuple[str, ...] = ()
    """With log probabilities only, as are the next."""
    offsets: tuple[int, ...] = ()
    """Where in the text each begins, in characters."""
    logprobs: tuple[TokenLogprob | None, ...] = ()
    """Of each token after those before it; the first has none."""


class Extras(Struct, frozen=True):
    """What the engine adds to its answer because `extras` asked for it: once, before all else."""

    values: dict[str, Any]
    """By the engine's names, in values that JSON knows."""


class TextDelta(Struct, frozen=True, kw_only=True):
    """The next piece of choice *index*'s text; may be empty where only log probabilities arrive."""

    index: int
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    token_ids: tuple[int, ...] = ()
    """Of the tokens since the last delta, where `extras` asked for them."""


class ReasoningDelta(Struct, frozen=True, kw_only=True):
    """The next piece of what choice *index* thinks before it answers."""

    index: int
    text: str


class ToolCallDelta(Struct, frozen=True, kw_only=True):
    """The next piece of a call of choice *index*'s: first its id and name, then its arguments."""

    index: int
    call: int
    """Which of the choice's calls, from 0."""
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    """A piece of JSON text."""


class Finish(Struct, frozen=True, kw_only=True):
    """The end of choice *index*: comes exactly once for each of the `n` choices."""

    index: int
    reason: Literal["stop", "length", "tool_calls"]
    prompt_tokens: int
    """Of the request, the same for all its choices."""
    completion_tokens: int
    """Tokens of this choice alone, an end-of-sequence token included."""
    reasoning_tokens: int | None = None
    """Those of them that were reasoning; None where the engine cannot tell."""
    audio_tokens: int | None = None
    """Those of the prompt that are positions of a recording; None where nothing counts them."""
    stop_reason: int | str | None = None
    """The stop string or token id that ended it, if one of the request's did."""


Delta = TextDelta | ReasoningDelta | ToolCallDelta
Generated = Extras | PromptEcho | Delta | Finish


@runtime_checkable
class TextBackend(Protocol):
    """What engines that read text have in common."""

    @property
    def max_model_len(self) -> int:
        """Tokens that the model holds; of a chat model, prompt and completion together."""
        ...

    async def ready(self) -> bool:
        """Whether a request sent now would be answered."""
        ...

    async def self_test(self) -> None:
        """Answer one small request of the engine's own; raise what fails.

        Called before the first request and, where it failed, again later: loading a model does not
        prove that it can answer.
        """
        ...

    async def tokenize(self, prompt: Prompt, *, add_special_tokens: bool = True) -> list[int]:
        """Return the token ids of *prompt*, those that a text gets by default only if asked.

        Raises what `generate` does of a prompt, UnsupportedOption where the model reads no
        conversation.
        """
        ...

    async def detokenize(self, tokens: tuple[int, ...]) -> str:
        """Return the text of *tokens*, special ones included; raise InvalidOption if unknown."""
        ...

    async def token_texts(self, tokens: tuple[int, ...]) -> list[str]:
        """Return the text of each of *tokens*, as `detokenize` would of it alone; raise likewise.

        *tokens* may be a million: no event loop is to wait for them.
        """
        ...

    def tokenizer_info(self) -> dict[str, Any]:
        """Return special tokens, the chat template and more, as `tokenizer_config.json` has it."""
        ...


@runtime_checkable
class ChatBackend(TextBackend, Protocol):
    """An engine that continues conversations and texts."""

    def generate(self, generation: Generation) -> AsyncGenerator[Generated, None]:
        """Continue *generation*; closing the generator aborts it in the engine.

        Raises, at the first item: PromptTooLong, UnsupportedOption, InvalidOption; at any item:
        EngineDead.
        """
        ...


# ── vectors ───────────────────────────────────────────────────────────────────


class EmbeddingJob(Struct, frozen=True, kw_only=True):
    """One text to embed, and how. None leaves a value to the engine (the model's own pooling)."""

    input: str | tuple[int, ...]
    """A text gets the tokenizer's special tokens unless told otherwise, ids are taken as they are.
    """
    add_special_tokens: bool = True
    dimensions: int | None = None
    """The first so many, for models that were trained to be cut (Matryoshka)."""
    use_activation: bool | None = None
    """Whether the vector passes the pooler's activation, which makes its length 1."""
    truncate_prompt_tokens: int | None = None
    """Keep at most so many tokens, -1: as many as the context holds. None: refuse a longer text."""
    truncation_side: Literal["left", "right"] | None = None
    """Where tokens are cut off; None: where the tokenizer cuts."""


class Embedding(Struct, frozen=True, kw_only=True, eq=False):
    """A text's vector: comes exactly once."""

    values: NDArray[np.float32]
    """Of shape (dimensions,)."""
    prompt_tokens: int


@runtime_checkable
class EmbeddingBackend(TextBackend, Protocol):
    """An engine that turns texts into vectors."""

    def embed(self, job: EmbeddingJob) -> AsyncGenerator[Embedding, None]:
        """Embed one text; closing the generator, or cancelling, aborts it in the engine.

        Raises PromptTooLong, UnsupportedOption, InvalidOption, EngineDead.
        """
        ...


# ── speech ────────────────────────────────────────────────────────────────────


class Job(Struct, frozen=True, kw_only=True):
    """How to transcribe a recording. None means the engine's own default."""

    task: Literal["transcribe", "translate"] = "transcribe"
    language: str | None = None
    """The code of the spoken language, such as "en"; None: detect it."""
    languages: tuple[str, ...] = ()
    """Codes of the languages that may be detected; empty: all that the model knows."""
    prompt: str | None = None
    """The text before the recording, or words in their spelling."""
    word_timestamps: bool = False
    token_logprobs: bool = False
    """Whether segments have the log probability of each of their text tokens."""
    options: Mapping[str, Any] = {}
    """Options that are the engine's own, by name, with the types that `whisper_options.Decoding`
    declares. A backend raises UnsupportedOption for those that it does not have."""


class TranscriptInfo(Struct, frozen=True, kw_only=True):
    """Language and length of a recording: comes exactly once, before all segments."""

    language: str
    """The code that the job named, or that was detected."""
    language_probability: float
    """From 0 to 1; 1 if the language was not detected."""
    duration: float
    """Seconds of decoded audio."""
    prompt_tokens: int = 0
    """Tokens of the prompt and the hotwords."""


class Word(Struct, frozen=True, kw_only=True):
    """A spoken word with its start and end in the recording, in seconds."""

    word: str
    start: float
    end: float
    probability: float
    """From 0 to 1: the mean over the word's tokens."""


class Segment(Struct, frozen=True, kw_only=True):
    """A stretch of speech with the numbers that Whisper defines; times are in seconds."""

    id: int
    """From 1."""
    seek: int
    """The first frame of the segment's window, in hundredths of a second."""
    start: float
    end: float
    text: str
    tokens: tuple[int, ...]
    temperature: float
    """The temperature of the accepted attempt: Whisper retries at higher ones."""
    avg_logprob: float
    """Mean natural-log probability of the window's tokens."""
    compression_ratio: float
    """Bytes of the window's text over bytes after zlib compression: high for repetitions."""
    no_speech_prob: float
    """Probability, from 0 to 1, that the window has no speech."""
    words: tuple[Word, ...] | None = None
    logprobs: tuple[Candidate, ...] | None = None
    """The text's tokens without timestamps; None unless `Job.token_logprobs` is set."""


Manifest = dict[str, Any]
"""What an answer depends on beside the recording, in JSON values: weights, engine, versions,
options."""


class Prepared(Struct, frozen=True, kw_only=True):
    """A job that a backend accepted: its options are merged with the model's and checked."""

    job: Job
    manifest: Manifest
    """All that decides the answer beside the recording."""
    arguments: Mapping[str, Any] = {}
    """Arguments of the engine's own call; only the backend that made them reads them."""


@runtime_checkable
class SpeechBackend(Protocol):
    """An engine that transcribes recordings."""

    @property
    def languages(self) -> tuple[str, ...]:
        """The language codes that a job may name."""
        ...

    async def ready(self) -> bool:
        """Return whether a request sent now would be answered."""
        ...

    async def self_test(self) -> None:
        """Answer one small request of the backend's own; raise its error if it fails.

        Called before the first request and, after a failure, again later: a model that loads may
        still be unable to answer.
        """
        ...

    def prepare(self, job: Job) -> Prepared:
        """Check *job*, for which no recording is needed, and return it in the engine's terms.

        Raises UnknownLanguage, UnsupportedOption, InvalidOption.
        """
        ...

    def transcribe(
        self, audio: BinaryIO, prepared: Prepared
    ) -> AsyncGenerator[TranscriptInfo | Segment, None]:
        """Transcribe *audio*: yield one TranscriptInfo, then segments in the order of time.

        *audio* is an encoded recording in any container, seekable. It is read from its start, and
        closed by the caller. *prepared* comes from this backend, and may be used for several
        recordings. Closing the generator stops the work before the next call to the engine.

        Raises, at the first item: UndecodableAudio, AudioTooLong; at any item: InvalidOption,
        EngineDead.
        """
        ...


Backend = ChatBackend | SpeechBackend | EmbeddingBackend


class Batch(Struct, frozen=True, kw_only=True):
    """What an engine did at once for several requests."""

    call: str
    """Which of the engine's calls."""
    size: int
    """Requests in it."""
    waited: tuple[float, ...]
    """Seconds that each had waited for the engine."""
    took: float
    """Seconds in the engine."""
