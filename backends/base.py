"""The seam: values that cross between the wire and an engine, and the Protocols of engines.

The ranges below hold for every value that a backend gets: the server checks them before. The file
is longer than others, so that the author of a backend finds everything in one place.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, BinaryIO, Literal, Protocol, runtime_checkable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from .conversation import Conversation

# ── text ──────────────────────────────────────────────────────────────────────


Prompt = Conversation | str | tuple[int, ...]
"""A prompt: a conversation, a text (to which special tokens are added), or token ids."""


class Sampling(Struct, frozen=True, kw_only=True):
    """How tokens are drawn. None: the engine's default, for vLLM the model's generation config."""

    max_tokens: int | None = None
    """Most generated tokens of a choice, at least 0; None: the model's own limit, or the rest of
    the context. 0 is of use with `echo`."""
    n: int = 1
    """Choices: texts that are drawn independently for one prompt, 1 to 128."""
    temperature: float | None = None
    """Divisor of the logits, 0 to 2; 0: only the most probable token."""
    top_p: float | None = None
    """Total probability of the most probable tokens that may be drawn, 0 to 1; 0: only the most
    probable token; 1: all tokens."""
    top_k: int | None = None
    """Number of the most probable tokens that may be drawn; 0 or -1: all tokens."""
    min_p: float | None = None
    """Least probability of a token that may be drawn, as a share of the most probable token's,
    0 to 1; 0: all tokens."""
    presence_penalty: float | None = None
    """Number that is subtracted from the logit of each token that was generated before, -2 to 2."""
    frequency_penalty: float | None = None
    """Number that is subtracted from a token's logit for each time that it was generated before,
    -2 to 2."""
    repetition_penalty: float | None = None
    """Divisor of the positive logits, and factor of the negative ones, of tokens that came before,
    above 0; 1: no penalty."""
    seed: int | None = None
    """Seed of the random generator, a signed 64-bit integer: the same seed draws the same
    tokens."""
    stop: tuple[str, ...] = ()
    """Strings before which a text ends; an empty one is ignored."""
    logit_bias: dict[int, float] = {}
    """Token id → number that is added to its logit, -100 to 100."""
    top_logprobs: int | None = None
    """Number of the most probable tokens to return beside each drawn one, with log probabilities,
    0 to 20; 0: the drawn token's log probability alone; None: no log probabilities."""


class JsonFormat(Struct, frozen=True, kw_only=True):
    """The generated text is one JSON value."""

    schema: dict[str, Any] | None = None
    """JSON Schema that the value satisfies; None: any object."""
    name: str = "answer"
    """Name of the schema in the request; some templates show it to the model."""


class Generation(Struct, frozen=True, kw_only=True):
    """One request to continue a prompt."""

    prompt: Prompt
    sampling: Sampling
    echo: bool = False
    """Whether the answer begins with a PromptEcho."""
    format: JsonFormat | None = None
    """Form of the generated text; None: any text."""
    lora: str | None = None
    """Configured name of one of the model's LoRA adapters; None: the model without any."""
    stream: bool = True
    """Whether deltas are sent while the text is generated; else they may all come at the end."""
    engine_options: Mapping[str, Any] = {}
    """Options of one engine, by that engine's names, as JSON values. A backend raises
    UnsupportedOption for an option that it does not have."""


LOWEST_LOGPROB = -9999.0
"""Log probability of probability 0 in answers, as in vLLM: JSON does not have minus infinity."""


# No garbage collection visits a Candidate or a TokenLogprob (`gc=False`): an echo has tens of
# thousands of them, and they hold nothing that could refer back to them.


class Candidate(Struct, frozen=True, gc=False):
    """A token that could be drawn at one position."""

    token: str
    """The token's text; a byte that is not a whole character is written as `\\x` and two digits."""
    logprob: float
    """Natural logarithm of the token's probability."""
    bytes: bytes
    """The token's bytes in UTF-8; they may begin and end within a character."""


class TokenLogprob(Struct, frozen=True, gc=False):
    """A drawn token and the most probable tokens at its position."""

    drawn: Candidate
    top: tuple[Candidate, ...] = ()
    """The `top_logprobs` most probable tokens in descending order; the drawn one may be among
    them."""


class PromptEcho(Struct, frozen=True, kw_only=True):
    """The prompt of a request with `echo`: comes exactly once, before all deltas.

    *tokens*, *offsets* and *logprobs* have one item for each token of the prompt; they are empty
    if the request has no `top_logprobs`.
    """

    text: str
    tokens: tuple[str, ...] = ()
    """Texts of the tokens, as in Candidate."""
    offsets: tuple[int, ...] = ()
    """Number of characters of *text* before each token."""
    logprobs: tuple[TokenLogprob | None, ...] = ()
    """Log probability of each token, given those before it; None for the first token."""


class EngineExtras(Struct, frozen=True):
    """Values that an engine adds to its answer for options in `engine_options`.

    Comes first, and at most once.
    """

    values: dict[str, Any]
    """JSON values, by the engine's names."""


class TextDelta(Struct, frozen=True, kw_only=True):
    """The next part of a choice's text; empty where only log probabilities or ids arrive."""

    index: int
    """Number of the choice, from 0 to n - 1, as in the other items."""
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    """One for each token since the last delta; empty without `top_logprobs`."""
    token_ids: tuple[int, ...] = ()
    """One for each token since the last delta, if an option in `engine_options` requests them."""


class ReasoningDelta(Struct, frozen=True, kw_only=True):
    """The next part of the reasoning that choice *index* writes before its answer."""

    index: int
    text: str


class ToolCallDelta(Struct, frozen=True, kw_only=True):
    """The next part of a tool call of choice *index*: its id and name come first."""

    index: int
    call: int
    """Number of the call within its choice, from 0."""
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    """The next part of the arguments, which together are one JSON text, valid or not."""


class Finish(Struct, frozen=True, kw_only=True):
    """The end of choice *index*: comes exactly once for each of the `n` choices.

    The counts are numbers of tokens.
    """

    index: int
    reason: Literal["stop", "length", "tool_calls"]
    prompt_tokens: int
    """Tokens of the prompt, the same for all choices."""
    completion_tokens: int
    """Tokens of this choice, including an end-of-sequence token."""
    reasoning_tokens: int | None = None
    """The part of *completion_tokens* that is reasoning; None if the engine does not count it."""
    audio_tokens: int | None = None
    """The part of *prompt_tokens* that is audio; None if the engine does not count it."""
    stop_reason: int | str | None = None
    """The request's stop string or stop token id that ended the text, or vLLM's
    "repetition_detected"; None for any other end."""


Delta = TextDelta | ReasoningDelta | ToolCallDelta
Generated = EngineExtras | PromptEcho | Delta | Finish


@runtime_checkable
class TextBackend(Protocol):
    """An engine that reads text: what chat and embedding engines have in common."""

    @property
    def max_model_len(self) -> int:
        """Tokens of the model's context; a chat model's holds prompt and completion together."""
        ...

    async def ready(self) -> bool:
        """Return whether a request sent now would be answered."""
        ...

    async def self_test(self) -> None:
        """Answer one small request of the backend's own; raise the error if that fails.

        Called before the first request, and again later if it failed: a model that loads does not
        always answer.
        """
        ...

    async def tokenize(self, prompt: Prompt, *, add_special_tokens: bool = True) -> list[int]:
        """Return the token ids of *prompt*; a text gets special tokens if *add_special_tokens*.

        Raises what `generate` raises for a prompt, and UnsupportedOption for a conversation if the
        model does not read conversations.
        """
        ...

    async def detokenize(self, tokens: tuple[int, ...]) -> str:
        """Return the text of the token ids *tokens*, including special tokens.

        Raises InvalidOption for an unknown id.
        """
        ...

    async def token_texts(self, tokens: tuple[int, ...]) -> list[str]:
        """Return for each of *tokens* what `detokenize` returns for it alone.

        There may be a million tokens: they must not block the event loop. Raises InvalidOption for
        an unknown id.
        """
        ...

    def tokenizer_info(self) -> dict[str, Any]:
        """Return special tokens, chat template and more, named as in `tokenizer_config.json`."""
        ...


@runtime_checkable
class ChatBackend(TextBackend, Protocol):
    """An engine that continues conversations and texts."""

    def generate(self, generation: Generation) -> AsyncGenerator[Generated, None]:
        """Yield the answer to *generation*; closing the generator aborts it in the engine.

        The order: EngineExtras, PromptEcho, then deltas and the Finish of each of the `n` choices,
        which may alternate. Raises PromptTooLong, UnsupportedOption or InvalidOption at the first
        item; EngineDead at any item; InvalidOption also at a later one, if a constraint leaves no
        token to draw.
        """
        ...


# ── vectors ───────────────────────────────────────────────────────────────────


class EmbeddingJob(Struct, frozen=True, kw_only=True):
    """One text to embed. None: the engine's default, which is the model's own pooling."""

    input: str | tuple[int, ...]
    """A text, or token ids."""
    add_special_tokens: bool = True
    """Whether the tokenizer adds special tokens to a text; to token ids it never does."""
    dimensions: int | None = None
    """Numbers of the vector to keep, from the first, for models that were trained for it
    (Matryoshka); None: all."""
    use_activation: bool | None = None
    """Whether the model's pooler applies its activation, which scales the vector to length 1."""
    truncate_prompt_tokens: int | None = None
    """Most tokens that are kept; -1: as many as the context holds; None: a text that is longer than
    the context is refused."""
    truncation_side: Literal["left", "right"] | None = None
    """Side at which tokens are dropped; None: the tokenizer's own."""


class Embedding(Struct, frozen=True, kw_only=True, eq=False):
    """The vector of a text: comes exactly once."""

    values: NDArray[np.float32]
    """Numbers of shape (dimensions,)."""
    prompt_tokens: int
    """Tokens that were embedded, including special tokens."""


@runtime_checkable
class EmbeddingBackend(TextBackend, Protocol):
    """An engine that turns texts into vectors."""

    def embed(self, job: EmbeddingJob) -> AsyncGenerator[Embedding, None]:
        """Yield the vector of one text; closing or cancelling aborts it in the engine.

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
    """Text that precedes the recording, or words as they should be spelled."""
    word_timestamps: bool = False
    token_logprobs: bool = False
    """Whether segments have the log probability of each of their text tokens."""
    options: Mapping[str, Any] = {}
    """The engine's own options, by name, with the types that `whisper_options.Decoding` declares. A
    backend raises UnsupportedOption for an option that it does not have."""


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
    """Number of the segment, from 1."""
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
    """The manifest of every answer to this job."""
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

        Raises UndecodableAudio or AudioTooLong, or a subclass of them, at the first item, and
        InvalidOption or EngineDead at any item.
        """
        ...


# ── other servers ─────────────────────────────────────────────────────────────


class RemoteBody(Struct, frozen=True, kw_only=True):
    """The body of a request to another server, and the place in it for the model's name there."""

    content: bytes | bytearray | BinaryIO = b""
    """The client's body. A file is read from its beginning for each attempt; the caller closes
    it."""
    size: int = 0
    """Bytes of *content*."""
    name_start: int = 0
    name_end: int = 0
    """The bytes of *content* from *name_start* to before *name_end* are replaced by the name."""
    before_name: bytes = b""
    after_name: bytes = b""
    """What is written before and after the name, where the client's body has no model."""
    form: Literal["json", "text", "none"] = "none"
    """How the name is written: as a JSON string with its quotes, as UTF-8, or not at all."""


class RemoteRequest(Struct, frozen=True, kw_only=True):
    """A client's request, to be sent on to another server that speaks OpenAI's API."""

    method: Literal["GET", "POST"] = "POST"
    path: str
    """The path of the route below the base URL, as in "/chat/completions"; with the query, if
    there is one. `{model}` in it stands for the model's name there."""
    at_root: bool = False
    """Whether *path* is below the server's root and not below its `/v1`: that of the tokenizer."""
    everywhere: bool = False
    """Whether a server that answers 404 may lack what another one has: each is tried then."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """The client's headers, with names in lower case. The backend leaves out what concerns only one
    connection, and the client's key."""
    body: RemoteBody = RemoteBody()
    affinity: bytes = b""
    """Bytes by which requests with the same beginning may go to the same server; empty: none."""
    start_by: float | None = None
    """When it is dropped if no server has a place for it yet, in seconds of `time.monotonic`."""


class RemoteHead(Struct, frozen=True, kw_only=True):
    """The beginning of another server's answer: comes exactly once, before its bytes."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    """The headers to send on, with names in lower case."""
    events: bool
    """Whether the answer is a stream of server-sent events."""
    upstream: str
    """Name of the server that answered: its URL."""
    attempts: int
    """Requests that were sent to servers, the one that was answered included."""


@runtime_checkable
class RemoteBackend(Protocol):
    """A model on other servers, to which requests are sent on as bytes."""

    max_model_len: int | None
    """Tokens of the context, as a server states them; None: none does, or none was reached yet."""

    async def ready(self) -> bool:
        """Return whether a request sent now would reach a server that answers."""
        ...

    async def self_test(self) -> None:
        """Raise NoUpstream if no server answers."""
        ...

    def upstreams(self) -> dict[str, bool]:
        """Return whether each server takes requests now, by its name: that of RemoteHead."""
        ...

    def send(self, request: RemoteRequest) -> AsyncGenerator[RemoteHead | bytes, None]:
        """Send *request* to one of the servers: yield one RemoteHead, then the answer's bytes.

        The bytes of an event stream come in whole events. Closing the generator closes the
        connection to the server, which aborts the work there. An answer with an error in the form
        of an API is yielded like any other. Raises before the RemoteHead: NoUpstream if no server
        can be reached; UpstreamTimeout, UpstreamLost; UpstreamRefused for a refused key, a
        redirection, or an error in another form. After it, UpstreamLost or UpstreamTimeout if the
        answer stops before its end.
        """
        ...


# ── a cluster ─────────────────────────────────────────────────────────────────


class ReplicaState(Struct, frozen=True, kw_only=True):
    """One replica of a model on a cluster."""

    id: str
    node: str
    """The id of its node, as Ray lists it."""


@runtime_checkable
class ReplicatedBackend(Protocol):
    """What a backend has beside its own methods if its engine runs as replicas in a cluster."""

    stamp: str
    """A hash of the model's files and of the engines' packages, the same in all replicas."""

    def replicas(self) -> tuple[ReplicaState, ...]:
        """Return the replicas that take requests now; makes no call."""
        ...


Backend = ChatBackend | SpeechBackend | EmbeddingBackend | RemoteBackend


class Batch(Struct, frozen=True, kw_only=True):
    """One call of an engine that served several requests together."""

    call: str
    """Name of the call, as in "generate"."""
    size: int
    """Number of requests in the call."""
    waited: tuple[float, ...]
    """Seconds that each request waited for the call."""
    took: float
    """Seconds that the call took."""
    failed: bool = False
    """Whether the call raised an error. Its requests then run again in smaller calls, or fail."""
