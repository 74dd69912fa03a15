"""Where a text ends: at the first of its stop strings, of which no part may be sent before."""


class StopStrings:
    """Passes text on, holding back what may turn out to be the start of a stop string."""

    def __init__(self, strings: tuple[str, ...]) -> None:
        self._strings = tuple(string for string in strings if string)
        self._held = ""
        self.hit = False
        """Whether a stop string has come: what follows it is of no interest."""

    def feed(self, text: str) -> str:
        """Take more *text* and return what is safe to send; the stop string itself never is.

        Of several the one counts that is complete first, so that the pieces do not matter in which
        the text comes.
        """
        self._held += text
        places = [(self._held.find(string), string) for string in self._strings]
        found = [(at + len(string), at) for at, string in places if at >= 0]
        if found:
            self.hit = True
            _, start = min(found)
            safe, self._held = self._held[:start], ""
            return safe
        return self._release(keep=self._unfinished())

    def flush(self) -> str:
        """Return what was held back: the text has ended without a stop string."""
        return self._release(keep=0)

    def _unfinished(self) -> int:
        """Characters at the end that a stop string may start with."""
        longest = max((len(string) for string in self._strings), default=1) - 1
        for size in range(min(longest, len(self._held)), 0, -1):
            if any(string.startswith(self._held[-size:]) for string in self._strings):
                return size
        return 0

    def _release(self, *, keep: int) -> str:
        cut = len(self._held) - keep
        safe, self._held = self._held[:cut], self._held[cut:]
        return safe
