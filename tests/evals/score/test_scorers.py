"""Scorers and normalizers: numerators, denominators, and texts as they are compared."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from evals.dataset import Sample
from evals.result import Answer, Loglikelihood
from evals.score.normalizers import Normalizer, default_normalizer, normalizer
from evals.score.scorers import Scorer, check, judge


def sample(target: str) -> Sample:
    """Return a sample with this target."""
    return Sample(index=0, id="a", target=target, metadata={})


@pytest.mark.parametrize(
    ("scorer", "target", "answer", "numerator", "denominator"),
    [
        ("wer", "turn on the light", "turn on light please", 2, 4),
        ("wer", "one", "", 1, 1),
        ("wer", "", "", 0, 0),
        ("wer", "", "thank you", 2, 0),
        ("wer", "a  b", " a b ", 0, 2),
        ("cer", "ab c", "abc", 1, 4),
        ("cer", "", "ab", 2, 0),
        ("exact", "4", " 4\n", 1, 1),
        ("exact", "4", "4.", 0, 1),
        ("exact", "", "", 1, 1),
        ("contains", "new  york", "It is New York, or new york.", 0, 1),
        ("contains", "new  york", "it is new\nyork, or york", 0, 1),
        ("contains", "new  york", "is it new\nyork ?", 1, 1),
        ("contains", "art", "a part", 0, 1),
        ("contains", "", "a part", 0, 1),
        ("regex", "(?i)^ye(s|ah)", "Yes, it is", 1, 1),
        ("regex", "^yes ", " yes it is", 1, 1),
        ("regex", "yes$", "yes it is", 0, 1),
        ("number", "72", "so 48 + 24 = $72.00.", 1, 1),
        ("number", "#### 72", "72 or 73", 0, 1),
        ("number", "72", "seventy-two", 0, 1),
    ],
)
def test_tallies(
    scorer: Scorer, target: str, answer: str, numerator: int, denominator: int
) -> None:
    """Edits over the size of the target; an empty target adds to the numerator only.

    Of an accuracy 1 or 0 over 1.
    """
    tally = judge(scorer, str)(sample(target), Answer(text=answer))

    assert (tally.numerator, tally.denominator) == (numerator, denominator)


@pytest.mark.parametrize(
    ("scorer", "target", "answer", "edits"),
    [
        ("wer", "one two three four five", "two drei four and a five", (1, 1, 2)),
        ("cer", "abcdefgh", "bcdeXghij", (1, 1, 2)),
        ("exact", "a", "b", (None, None, None)),
    ],
)
def test_kinds_of_edits(
    scorer: Scorer, target: str, answer: str, edits: tuple[int | None, ...]
) -> None:
    """Substitutions, deletions and insertions are counted apart, of an error rate alone."""
    tally = judge(scorer, str)(sample(target), Answer(text=answer))

    assert (tally.substitutions, tally.deletions, tally.insertions) == edits


@pytest.mark.parametrize(
    ("scorer", "target", "fault"),
    [("regex", "a(b", r"missing \).* at position 3"), ("number", "many", "no number")],
)
def test_targets_that_cannot_be_compared(scorer: Scorer, target: str, fault: str) -> None:
    """They are found before anything is sent."""
    with pytest.raises(ValueError, match=fault):
        check(scorer)(target)

    check("exact")(target)


def test_both_texts_are_kept_as_compared() -> None:
    """The tally has the texts that were compared, so that a person can check the score."""
    answer = Answer(text="it is 21 colors")

    tally = judge("wer", normalizer("english"))(sample("It's twenty-one colours!"), answer)

    assert (tally.numerator, tally.denominator) == (0, 4)
    assert tally.target == tally.answer == "it is 21 colors"


@pytest.mark.parametrize(
    ("scorer", "picked"),
    [("loglikelihood", "York"), ("loglikelihood-per-character", "New York")],
)
def test_the_picked_choice(scorer: Scorer, picked: str) -> None:
    """By its sum the shorter choice wins; per character of the choice, a longer one may."""
    answer = Answer(
        text="York",
        loglikelihoods=[
            Loglikelihood(choice="York", value=-4.0, tokens=1),
            Loglikelihood(choice="New York", value=-4.8, tokens=2),
            Loglikelihood(choice="New Bern", value=-4.8, tokens=3),
        ],
    )

    tally = judge(scorer, str)(sample("New York"), answer)

    assert (tally.answer, tally.numerator) == (picked, picked == "New York")


@pytest.mark.parametrize(
    ("name", "text", "normal"),
    [
        ("none", " It's. ", " It's. "),
        ("basic", "Ça va?", "ça va "),
        ("english", "Mr. Smith's [noise] uh favourite", "mister smith is favorite"),
    ],
)
def test_normalizers(name: Normalizer, text: str, normal: str) -> None:
    """`none` does not change the text; the others are Whisper's."""
    assert normalizer(name)(text) == normal


@pytest.mark.parametrize(
    ("scorer", "languages", "name"),
    [
        ("exact", {None}, "none"),
        ("loglikelihood", {None}, "none"),
        ("number", {None}, "none"),
        ("my:scorer", {None}, "none"),
        ("contains", set(), "english"),
        ("wer", {None}, "english"),
        ("wer", {"en", None}, "english"),
        ("cer", {"de", "en"}, "basic"),
    ],
)
def test_normalizer_by_default(scorer: str, languages: set[str | None], name: str) -> None:
    """English rules are not applied to a corpus that holds another language."""
    assert default_normalizer(scorer, languages) == name


def test_a_fresh_environment_normalises_too(tmp_path: Path) -> None:
    """The normaliser's own compile warnings do not end a run that treats warnings as errors."""
    code = "from evals.score.normalizers import normalizer; normalizer('english')"
    fresh = os.environ | {"PYTHONPYCACHEPREFIX": str(tmp_path)}

    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-W", "error", "-c", code], env=fresh, check=False
    )

    assert done.returncode == 0
