"""The results of a run, one per sample. Imports no client, so that any tool can read them."""

from typing import Any, Literal

import msgspec

OnError = Literal["record", "stop", "empty"]
"""The effect of a failed sample: it is not scored, it stops the run, or it counts as empty text."""


class Loglikelihood(msgspec.Struct, frozen=True, kw_only=True):
    """How probable a choice is after its prompt.

    *value* is the sum of its *tokens* tokens' natural logarithms of probability, the delimiter
    before the choice included.
    """

    choice: str
    value: float
    tokens: int


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call of a tool; *arguments* is the text that the model wrote, mostly JSON."""

    name: str
    arguments: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The server's answer to one sample; None: the server did not send the value.

    *model* is the name in the answer, *first_token* the seconds from the sample's start to the
    first text of the stream that arrived whole. For a question with choices *loglikelihoods* has
    one value for each, in their order, and *text* is the most probable choice; else it is None.
    *tool_calls* is None if the answer has no call; an answer of calls alone has the text "".
    """

    text: str
    loglikelihoods: list[Loglikelihood] | None = None
    tool_calls: list[ToolCall] | None = None
    model: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    first_token: float | None = None
    request_id: str | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """The reason that a sample has no answer.

    *type* is the exception's name, or the code of a request that a batch did not run; *status* the
    HTTP status if there was one, *code* OpenAI's error code, *request_id* the server's
    `x-request-id`. *unreachable*: no server answered, its connection broke, or it or its proxy said
    that it cannot serve now.
    """

    type: str
    message: str
    status: int | None = None
    code: str | None = None
    request_id: str | None = None
    unreachable: bool = False

    @property
    def kind(self) -> str:
        """The type and the status, as `APIStatusError 500`."""
        return f"{self.type} {self.status or ''}".strip()


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """One sample's part of the score, and the two texts as they were compared.

    `evals.score.scorers` says what *numerator* and *denominator* count. *substitutions*,
    *deletions* and *insertions* are the parts of an error rate's numerator; None: it has another
    scorer.
    """

    numerator: int | float
    denominator: int | float
    substitutions: int | None = None
    deletions: int | None = None
    insertions: int | None = None
    target: str
    answer: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the results.

    *audio* is the clip's path, *question* the text of a dialogue's last message or the prompt
    before choices; None: the sample has another kind. *repeat* counts from 0 how often the sample
    had been sent before, where each is sent several times. *latency* is in seconds, from the first
    request to the end, retries included; None: unknown, as of a request in a batch. *elapsed* is
    how many seconds of the run had passed when the result was written; the pause before a run went
    on does not count. *retries* counts the SDK's, or the batches that the sample was in before;
    *streams_reasked* ours of cut streams, *resent* those after a wait for a server that was gone,
    of which the last has its latency measured alone. *tally* is None for a sample that is not
    scored, *audio_seconds* for a clip of unknown length and for a text.
    """

    index: int
    id: str
    repeat: int = 0
    status: Literal["ok", "failed"]
    target: str
    audio: str | None = None
    question: str | None = None
    answer: Answer | None = None
    error: Failure | None = None
    tally: Tally | None = None
    latency: float | None
    elapsed: float = 0.0
    audio_seconds: float | None = None
    retries: int = 0
    streams_reasked: int = 0
    resent: int = 0
    metadata: dict[str, Any] = {}
