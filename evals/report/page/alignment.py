"""Aligns an answer with its target, by words or by characters, as the error rate counts them."""

from typing import Literal, get_args

import jiwer
import msgspec

from evals.result import Tally
from evals.score.scorers import Scorer

Operation = Literal["equal", "substitute", "delete", "insert"]
NAMES: dict[str, Operation] = {name: name for name in get_args(Operation)}
"""The operations by the names that jiwer gives them."""


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """Neighbouring words with one operation; *answer* of "delete", *target* of "insert" is empty.

    In "equal" both are the same. With the scorer `cer` the words are characters.
    """

    operation: Operation
    target: str
    answer: str


def align(scorer: Scorer, tally: Tally) -> list[Piece]:
    """Return the pieces of *tally*'s two texts, in order.

    The alignment is jiwer's, by which the edits of the score are counted too.
    """
    found = _process(scorer, tally)
    between = " " if scorer == "wer" else ""
    return [
        Piece(
            NAMES[chunk.type],
            between.join(found.references[0][chunk.ref_start_idx : chunk.ref_end_idx]),
            between.join(found.hypotheses[0][chunk.hyp_start_idx : chunk.hyp_end_idx]),
        )
        for chunk in found.alignments[0]
    ]


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
