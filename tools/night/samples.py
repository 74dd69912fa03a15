"""The samples of a night: what is sent for each, and the one answer that is right."""

from dataclasses import dataclass
from typing import Literal

from backends.fake_script import digest

KINDS: tuple[Literal["chat", "stream", "speech"], ...] = ("chat", "stream", "speech")

WORDS = 10
"""Words of a chat, or lines of a recording: the fake engines answer with one at a time."""


@dataclass(frozen=True)
class Sample:
    """One sample; no two have the same text, so that the engines' logs tell them apart."""

    number: int

    @property
    def kind(self) -> Literal["chat", "stream", "speech"]:
        """How it is sent: a chat, a streamed chat or a transcription, in turn."""
        return KINDS[self.number % len(KINDS)]

    @property
    def answer(self) -> str:
        """The right answer: the fake engines repeat what they get."""
        return " ".join(f"w{self.number}-{at}" for at in range(WORDS))

    @property
    def recording(self) -> bytes:
        """The file to be transcribed, in which each line is a second."""
        return self.answer.replace(" ", "\n").encode()

    @property
    def digest(self) -> str:
        """The name of its computations in the engines' logs."""
        return digest(self.recording if self.kind == "speech" else self.answer.encode())
