"""The verdict of a check: what it compared, and each place at which the server was wrong."""

from typing import Any, Literal

import msgspec

Word = Literal["passed", "breach", "not checked"]
Section = Literal["determinism", "fidelity", "contract", "honesty"]

SHOWN_CHARACTERS = 400
"""Most characters of a value in the evidence."""
MOST_EVIDENCE = 20
"""Most pieces of evidence that a verdict keeps; the others are counted."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One place at which the server was wrong: the request, what was expected, what came."""

    request: str
    expected: str
    got: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one check of one model.

    *shows* is the sentence that a passed check proves; *compared* the number of comparisons;
    *breaches* the number of those that failed, of which *evidence* has the first 20. *note* has
    figures, or the reason why the check was not made.
    """

    section: Section
    check: str
    shows: str
    model: str
    verdict: Word
    compared: int
    breaches: int
    note: str
    evidence: list[Evidence]
    seconds: float


class NotChecked(Exception):
    """A check that cannot be made; the message is the reason. It never counts as passed."""


class Breach(Exception):
    """An answer with which a check cannot go on, because the server is wrong."""

    def __init__(self, request: str, *, expected: object, got: object) -> None:
        self.evidence = Evidence(request=request, expected=shown(expected), got=shown(got))
        super().__init__(self.evidence.got)


class Findings:
    """What one check has found so far."""

    def __init__(self) -> None:
        self.compared = 0
        self.breaches: list[Evidence] = []
        self.notes: list[str] = []

    def expect(self, right: bool, request: str, *, expected: object, got: object) -> None:  # noqa: FBT001 - the point of the call
        """Count a comparison; unless it is *right*, keep what was *expected* and what was *got*."""
        self.compared += 1
        if not right:
            self.breaches.append(
                Evidence(request=request, expected=shown(expected), got=shown(got))
            )

    def equal(self, request: str, *, expected: object, got: object) -> None:
        """Count a comparison of two values that have to be equal."""
        self.expect(expected == got, request, expected=expected, got=got)

    @property
    def verdict(self) -> Word:
        """Return the verdict: a check that compared nothing has not passed."""
        if self.breaches:
            return "breach"
        return "passed" if self.compared else "not checked"


def shown(value: Any) -> str:
    """Return *value* as a text of one line, at most 400 characters long."""
    text = value if isinstance(value, str) else repr(value)
    line = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]} …"
