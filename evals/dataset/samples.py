"""The kinds of samples, and the data set that holds them."""

from pathlib import Path
from typing import Any

import msgspec


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One sample; *index* counts from 0, *metadata* has what its line or row has besides."""

    index: int
    id: str
    target: str
    metadata: dict[str, Any]


class Clip(Sample, frozen=True, kw_only=True):
    """A recording to be transcribed; *language* is a code such as "en", None: not stated."""

    audio: Path
    language: str | None


class Dialogue(Sample, frozen=True, kw_only=True):
    """Messages to be answered, which are sent unchanged.

    *fields* are fields of the request that the sample has of its own, such as `max_tokens`.
    """

    messages: list[dict[str, Any]]
    fields: dict[str, Any] = {}

    @property
    def question(self) -> str:
        """The text of the last message, the parts that are not a text left out."""
        content = self.messages[-1].get("content") or ""
        if isinstance(content, str):
            return content
        return "\n".join(str(part["text"]) for part in content if "text" in part)


class ToolUse(Dialogue, frozen=True, kw_only=True):
    """Messages to be answered by the call of a tool; *fields* has the `tools`.

    *target* is the call as JSON: `{"name": …, "arguments": {…}}`.
    """


class MultipleChoice(Sample, frozen=True, kw_only=True):
    """A question with choices, of which *target* is the right one.

    A choice continues *prompt* after *delimiter*; neither gets a chat template.
    """

    prompt: str
    choices: list[str]
    delimiter: str

    def text(self, choice: str) -> str:
        """Return the prompt, continued by *choice*."""
        return self.prompt + self.delimiter + choice


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """The samples of a source, or its first *limit*.

    *source* is what it was loaded from: an absolute path, or `hf:…`; *path* is that file or folder,
    of a data set of the hub the folder with its clips; *name* is part of a run's folder. *sha256*
    is of the whole source, in hex: of a manifest's or a table's bytes, else as its module says.
    """

    source: str
    path: Path
    name: str
    sha256: str
    limit: int | None
    samples: list[Clip] | list[Dialogue] | list[MultipleChoice]
