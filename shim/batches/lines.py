"""The lines of the input file of a batch: where each is, and the request that it holds."""

import os
from array import array
from pathlib import Path

import msgspec
from msgspec import Raw, Struct


class Request(Struct, frozen=True):
    """One line of the file."""

    custom_id: str
    body: Raw
    """The JSON of the request's body."""


class Lines:
    """The lines of a file once `check` has read it, by their index from 0; 16 bytes for each.

    The file stays open until `close`.
    """

    def __init__(self, file: Path) -> None:
        self.path = file
        self._file = os.open(file, os.O_RDONLY)
        self._begins = array("Q")
        self._lengths = array("I")
        self._models = array("I")
        self.models: list[str] = []
        """The names of the models that lines name, each once."""

    def __len__(self) -> int:
        return len(self._begins)

    def add(self, begin: int, length: int, model: int) -> None:
        """Add the line in the *length* bytes at *begin*; *model* is its index in `models`."""
        self._begins.append(begin)
        self._lengths.append(length)
        self._models.append(model)

    def model(self, index: int) -> str:
        """Return the name of the model that a line names."""
        return self.models[self._models[index]]

    def length(self, index: int) -> int:
        """Return how many bytes a line has."""
        return self._lengths[index]

    def request(self, index: int) -> Request:
        """Read one line."""
        text = os.pread(self._file, self._lengths[index], self._begins[index])
        return msgspec.json.decode(text, type=Request)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
