"""Aligns an answer with its target, by words or by characters, as the error rate counts them."""

from typing import Literal, get_args

import jiwer
import msgspec

from evals.result import Tally
from evals.score.scorers import Scorer

Operation = Literal["equal", "substitute", "delete", "insert"]


NAMES: dict[str, Operation] = {name: name for name in get_args(Operation)}


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """Neighbouring words with one operation; *answer* of "delete", *target* of "insert" is empty.

    In "equal" both are the same. With the scorer `cer` the words are characters.
    """

    operation: Operation
    target: str
    answer: str


class Edits(msgspec.Struct, frozen=True):
    """Numbers of edited words or characters; their sum is the numerator of the error rate."""

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    def __add__(self, other: "Edits") -> "Edits":
        return Edits(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )

    def __str__(self) -> str:
        return (
            f"{self.substitutions} substitutions, {self.deletions} deletions,"
            f" {self.insertions} insertions"
        )


def align(scorer: Scorer, tally: Tally) -> tuple[list[Piece], Edits]:
    """Return the pieces of *tally*'s two texts, in order, and their edits.

    The alignment is jiwer's, which also counts the edits of the score: with the fewest edits, and
    of several such alignments the one that jiwer chooses.
    """
    found = _process(scorer, tally)
    between = " " if scorer == "wer" else ""
    pieces = [
        Piece(
            NAMES[chunk.type],
            between.join(found.references[0][chunk.ref_start_idx : chunk.ref_end_idx]),
            between.join(found.hypotheses[0][chunk.hyp_start_idx : chunk.hyp_end_idx]),
        )
        for chunk in found.alignments[0]
    ]
    return pieces, Edits(found.substitutions, found.deletions, found.insertions)


def as_text(scorer: Scorer, tally: Tally, *, width: int = 80) -> str:
    """Return the alignment as lines of target (REF), answer (HYP) and edits (S, D, I).

    Lines longer than *width* columns are continued in further groups of three lines.
    """
    shown = jiwer.visualize_alignment(
        _process(scorer, tally), show_measures=False, skip_correct=False, line_width=width
    )
    return shown.partition("\n")[2].strip("\n")


def _process(scorer: Scorer, tally: Tally) -> jiwer.WordOutput | jiwer.CharacterOutput:
    if scorer == "wer":
        return jiwer.process_words(tally.target, tally.answer)
    return jiwer.process_characters(tally.target, tally.answer)
