"""Pairs the samples of two runs; only a sample that both runs answered becomes a pair."""

import math
from collections.abc import Sequence

import msgspec

from evals.failures import NotComparable
from evals.result import Result, Tally


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of samples that are in no pair; each is counted once.

    *missing_a*: only run B sent it. *failed_a*: run A has no answer to it, however often it was
    sent; *failed_both*: nor has B. *other_target*: what the answers were compared with differs.
    """

    missing_a: int = 0
    missing_b: int = 0
    failed_a: int = 0
    failed_b: int = 0
    failed_both: int = 0
    other_target: int = 0


class Scored(msgspec.Struct, frozen=True):
    """One answer: its text as the server sent it, and its part of the score."""

    text: str
    tally: Tally


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A sample, and the answers of each run, at least one: several if it was sent repeatedly."""

    id: str
    a: list[Scored]
    b: list[Scored]

    @property
    def target(self) -> str:
        """The text that all its answers were compared with."""
        return self.a[0].tally.target

    @property
    def size(self) -> float:
        """The denominator of each answer."""
        return self.a[0].tally.denominator

    @property
    def reworded(self) -> bool:
        """Whether the answers differ, as sent or as compared, their order aside."""
        return sorted(map(_words, self.a)) != sorted(map(_words, self.b))


def _words(answer: Scored) -> tuple[str, str]:
    return answer.text, answer.tally.answer


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """The numerators of both runs and the denominators, *sizes*, of all pairs in their order.

    A sample that was sent repeatedly counts once, with the mean of its numerators. All are
    multiplied by *scale*, by which the means of whole numbers are whole numbers, too.
    """

    a: list[float]
    b: list[float]
    sizes: list[float]
    scale: int

    @property
    def differences(self) -> list[float]:
        """B's numerator less A's, times *scale*, of each pair."""
        return [b - a for a, b in zip(self.a, self.b, strict=True)]


def tabulate(pairs: Sequence[Pair]) -> Table:
    """Return the table of *pairs*, which are one or more."""
    scale = math.lcm(*(len(answers) for each in pairs for answers in (each.a, each.b)))
    return Table(
        a=[_mean(each.a, scale) for each in pairs],
        b=[_mean(each.b, scale) for each in pairs],
        sizes=[each.size * scale for each in pairs],
        scale=scale,
    )


def _mean(answers: Sequence[Scored], scale: int) -> float:
    return sum(answer.tally.numerator for answer in answers) * (scale // len(answers))


def pair(a: Sequence[Result], b: Sequence[Result]) -> tuple[list[Pair], LeftOut]:
    """Return the pairs, in the order of *a*, and the numbers of samples that are in none.

    A failure is never an answer, also where its own run scored it as an empty one. Raises
    NotComparable if two answers to a sample have the same target and not the same denominator, as
    a scorer of the user's own may give them: paired differences have no meaning then.
    """
    answers_a, answers_b = _answers(a), _answers(b)
    both = [
        Pair(id=id_, a=answers, b=answers_b[id_])
        for id_, answers in answers_a.items()
        if id_ in answers_b
    ]
    reasons = [_objection(each) for each in both]
    left_out = LeftOut(
        missing_a=len(answers_b) - len(both),
        missing_b=len(answers_a) - len(both),
        **{reason: reasons.count(reason) for reason in reasons if reason},
    )
    return [each for each, reason in zip(both, reasons, strict=True) if not reason], left_out


def _answers(results: Sequence[Result]) -> dict[str, list[Scored]]:
    """Return each sample's scored answers by its id; an empty list if it always failed."""
    found: dict[str, list[Scored]] = {result.id: [] for result in results}
    for result in results:
        if result.answer is not None and result.tally is not None:
            found[result.id].append(Scored(result.answer.text, result.tally))
    return found


def _objection(pair: Pair) -> str | None:
    """Return the field of LeftOut that counts *pair*; None if it can be compared."""
    match bool(pair.a), bool(pair.b):
        case False, False:
            return "failed_both"
        case False, True:
            return "failed_a"
        case True, False:
            return "failed_b"
    answers = (*pair.a, *pair.b)
    if len({one.tally.target for one in answers}) > 1:
        return "other_target"
    if len({one.tally.denominator for one in answers}) > 1:
        raise NotComparable(
            f"the scorer gives the sample {pair.id} a denominator that depends on the answer"
        )
    return None
