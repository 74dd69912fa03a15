"""Splits the bytes of an event stream after whole events, and changes none of them."""

_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
"""The blank lines that end an event, by the three kinds of line ends that the standard allows."""


class EventSplitter:
    """Holds back the beginning of an event until its end arrives."""

    def __init__(self) -> None:
        self.rest = b""
        """The beginning of an event that has not ended."""

    def feed(self, chunk: bytes) -> bytes:
        """Return all whole events that were not returned before; empty if no event has ended."""
        if not self.rest and chunk.endswith(b"\n\n"):  # almost every chunk
            return chunk
        # An end may be divided between two chunks.
        searched = max(len(self.rest) - 3, 0)
        data = self.rest + chunk
        end = max(
            (found + len(end) for end in _ENDS if (found := data.rfind(end, searched)) >= 0),
            default=0,
        )
        self.rest = data[end:]
        return data[:end]
