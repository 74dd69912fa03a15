"""Counts the edits that turn a target into an answer, in words or in characters."""

import jiwer
import msgspec


class Edits(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of edits of a least sum (Levenshtein 1966), and *size*, the target's length.

    Where several ways have the same sum, the numbers of each kind are those of one of them.
    """

    substitutions: int
    deletions: int
    insertions: int
    size: int

    @property
    def total(self) -> int:
        """The number of all edits."""
        return self.substitutions + self.deletions + self.insertions


def in_words(target: str, answer: str) -> Edits:
    """Return the edits in words, which are what white space divides."""
    return _edits(jiwer.process_words(target, answer))


def in_characters(target: str, answer: str) -> Edits:
    """Return the edits in characters, inner spaces included."""
    return _edits(jiwer.process_characters(target, answer))


def _edits(found: jiwer.WordOutput | jiwer.CharacterOutput) -> Edits:
    return Edits(
        substitutions=found.substitutions,
        deletions=found.deletions,
        insertions=found.insertions,
        size=found.hits + found.substitutions + found.deletions,
    )
