"""What of an answer must not change, and where two of them part."""

from itertools import zip_longest

import msgspec

from evals.verify.shapes import Chat, Embeddings, Response, Text, Transcription
from evals.verify.verdict import Findings

TOLERANCE = 1e-3
"""Largest difference of two log probabilities (natural logarithms), or of two other numbers, that
is not a breach. Engines in float32 multiply batches of other sizes by other kernels, which changes
log probabilities by some 1e-5, and so do two implementations of one network. What is larger comes
from other weights, another precision, or a server that changes the number."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A text, its tokens, why it ended, and its numbers: a log probability for each token.

    For an embedding *numbers* are the vectors' coordinates, for a transcription the times and
    figures of its segments; *numbers_are* names them.
    """

    text: str = ""
    tokens: tuple[str, ...] = ()
    finish: str = ""
    numbers: tuple[float, ...] = ()
    numbers_are: str = "log probability"


def of_chat(chat: Chat) -> Answer:
    """Return the first choice of *chat*."""
    choice = chat.choices[0]
    content = choice.logprobs.content if choice.logprobs else None
    return Answer(
        text=choice.message.content or "",
        tokens=tuple(token.token for token in content or ()),
        finish=choice.finish_reason,
        numbers=tuple(token.logprob for token in content or ()),
    )


def of_text(text: Text) -> Answer:
    """Return the first choice of *text*. The first token of a prompt counts as probable: 0."""
    choice = text.choices[0]
    logprobs = choice.logprobs
    return Answer(
        text=choice.text,
        tokens=tuple(logprobs.tokens) if logprobs else (),
        finish=choice.finish_reason or "",
        numbers=tuple(number or 0.0 for number in logprobs.token_logprobs) if logprobs else (),
    )


def of_response(response: Response) -> Answer:
    """Return the text of *response*."""
    return Answer(text=response.text, finish=response.status)


def of_embeddings(embeddings: Embeddings) -> Answer:
    """Return the vectors of *embeddings*, one after the other."""
    vectors = (item.embedding for item in embeddings.data if not isinstance(item.embedding, str))
    numbers = tuple(number for vector in vectors for number in vector)
    return Answer(numbers=numbers, numbers_are="coordinate")


def of_transcription(found: Transcription) -> Answer:
    """Return the text of *found*, the segments' tokens, and their times and figures."""
    numbers: list[float] = []
    tokens: list[str] = []
    for segment in found.segments or ():
        figures = (segment.avg_logprob, segment.no_speech_prob)
        numbers += [
            segment.start,
            segment.end,
            *(figure for figure in figures if figure is not None),
        ]
        tokens += map(str, segment.tokens)
    return Answer(
        text=found.text,
        tokens=tuple(tokens),
        numbers=tuple(numbers),
        numbers_are="figure of the segments",
    )


class Comparison:
    """Compares answers, and remembers the largest difference of their numbers."""

    def __init__(self, found: Findings) -> None:
        self._found = found
        self.numbers = 0
        self.largest = 0.0

    def add(self, request: str, *, expected: Answer, got: Answer) -> None:
        """Compare two answers to *request*; a difference is a breach with the place of it."""
        pairs = list(zip(expected.numbers, got.numbers, strict=False))
        self.numbers += len(pairs)
        self.largest = max([self.largest, *(abs(first - second) for first, second in pairs)])
        parted = difference(expected, got)
        first, second = parted or ("", "")
        self._found.expect(parted is None, request, expected=first, got=second)

    def note(self) -> None:
        """Note the largest difference, if numbers were compared."""
        if self.numbers:
            alike = f"within {self.largest:.1g}" if self.largest else "all equal"
            self._found.notes.append(f"{self.numbers} numbers {alike}")


def difference(expected: Answer, got: Answer) -> tuple[str, str] | None:
    """Return what is *expected* and what was *got* at the first place where they part, else None.

    Tokens come before texts, and texts before numbers: a changed token changes the rest.
    """
    for at, (first, second) in enumerate(zip_longest(expected.tokens, got.tokens)):
        if first != second and expected.tokens and got.tokens:
            return f"token {at}: {_token(first)}", f"token {at}: {_token(second)}"
    if expected.text != got.text:
        at = _common(expected.text, got.text)
        return _piece(expected.text, at), _piece(got.text, at)
    if expected.finish != got.finish:
        return f"ended by {expected.finish!r}", f"ended by {got.finish!r}"
    if len(expected.numbers) != len(got.numbers):
        what = expected.numbers_are
        return f"{what}: {len(expected.numbers)} of them", f"{what}: {len(got.numbers)} of them"
    return _number(expected, got)


def _number(expected: Answer, got: Answer) -> tuple[str, str] | None:
    for at, (first, second) in enumerate(zip(expected.numbers, got.numbers, strict=True)):
        if not abs(first - second) <= TOLERANCE:  # a NaN is a difference too
            named = len(expected.tokens) == len(expected.numbers)
            place = f"{expected.numbers_are} {at}"
            place += f" ({expected.tokens[at]!r})" if named else ""
            return f"{place}: {first!r}", f"{place}: {second!r}"
    return None


def _token(token: str | None) -> str:
    return "no more tokens" if token is None else repr(token)


def _common(first: str, second: str) -> int:
    """Return the number of characters with which both texts begin."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(first), len(second)))


def _piece(text: str, at: int) -> str:
    """Return the characters of *text* before and after the place *at*."""
    rest = repr(text[at : at + 40]) if at < len(text) else "the end"
    return f"character {at}, after {text[max(0, at - 20) : at]!r}: {rest}"
