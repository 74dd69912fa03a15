"""Searches a regular expression in an answer, with a limit of time."""

import regex

from evals.failures import NotScored

SECONDS = 1.0
"""Longest search. Some expressions take time that grows exponentially with the text."""


def check(pattern: str) -> None:
    """Raise ValueError, with the place of the fault, if *pattern* is not a regular expression."""
    try:
        regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"not a regular expression: {error}: {pattern}") from error


def matches(pattern: str, text: str) -> bool:
    """Return whether *pattern* occurs in *text*. Raises NotScored if the search takes too long.

    Python's `re` cannot be interrupted; the package `regex`, which understands the same
    expressions, checks the time itself.
    """
    try:
        return regex.search(pattern, text, timeout=SECONDS) is not None
    except TimeoutError as error:
        raise NotScored(
            f"the search for {pattern!r} took longer than {SECONDS:g} s; the answer was: {text}"
        ) from error
