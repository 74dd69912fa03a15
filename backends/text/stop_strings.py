"""Ends a text before its first stop string, no part of which may be sent."""


class StopStrings:
    """Returns text as it comes, but holds back an end that may begin a stop string."""

    def __init__(self, strings: tuple[str, ...]) -> None:
        self._strings = tuple(string for string in strings if string)
        self._unsent = ""
        self.hit = False
        """Whether a stop string has come. Then the text is complete."""

    def feed(self, text: str) -> str:
        """Add *text*; return the part of all the text so far that can be sent and was not yet.

        That part ends before the stop string that is complete first. How the text is divided into
        calls makes no difference.
        """
        self._unsent += text
        starts = [(self._unsent.find(string), string) for string in self._strings]
        hits = [(start + len(string), start) for start, string in starts if start >= 0]
        if hits:
            self.hit = True
            _, start = min(hits)
            safe, self._unsent = self._unsent[:start], ""
            return safe
        return self._release(keep=self._unfinished())

    def flush(self) -> str:
        """Return the text that is held back; for the end of a text without a stop string."""
        return self._release(keep=0)

    def _unfinished(self) -> int:
        """Return how many characters at the end may be the beginning of a stop string."""
        longest = max((len(string) for string in self._strings), default=1) - 1
        for size in range(min(longest, len(self._unsent)), 0, -1):
            if any(string.startswith(self._unsent[-size:]) for string in self._strings):
                return size
        return 0

    def _release(self, *, keep: int) -> str:
        cut = len(self._unsent) - keep
        safe, self._unsent = self._unsent[:cut], self._unsent[cut:]
        return safe
