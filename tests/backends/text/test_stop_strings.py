"""Stop strings: where a text ends does not depend on how it arrives."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.text.stop_strings import StopStrings

# Few letters, so that stop strings occur, overlap and begin within one another.
texts = st.text("ab\n", max_size=40)
stops = st.lists(st.text("ab\n", max_size=4), max_size=4).map(tuple)


def sent_of(pieces: list[str], strings: tuple[str, ...]) -> tuple[str, bool]:
    """Return the text that is sent of *pieces*, and whether a stop string ended it."""
    stop = StopStrings(strings)
    sent = ""
    for piece in pieces:
        sent += stop.feed(piece)
        if stop.hit:
            break
    return sent + stop.flush(), stop.hit


def cut_off(text: str, strings: tuple[str, ...]) -> tuple[str, bool]:
    """Return the same of a whole text, read letter by letter: the specification."""
    for end in range(len(text) + 1):
        complete = [string for string in strings if string and text[:end].endswith(string)]
        if complete:
            return text[: end - max(map(len, complete))], True
    return text, False


@given(text=texts, strings=stops, cuts=st.lists(st.integers(0, 40), max_size=10))
def test_pieces_do_not_matter(text: str, strings: tuple[str, ...], cuts: list[int]) -> None:
    """In pieces or whole, a text ends before the stop string that is complete first."""
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[start:end] for start, end in pairwise(places)]

    sent, hit = sent_of(pieces, strings)

    whole, whole_hit = cut_off(text, strings)
    assert hit == whole_hit
    assert sent == whole


@given(text=texts, strings=stops)
def test_nothing_is_taken_back(text: str, strings: tuple[str, ...]) -> None:
    """After every letter, the text that was sent is the beginning of the result."""
    stop = StopStrings(strings)
    whole, _ = cut_off(text, strings)
    sent = ""
    for letter in text:
        sent += stop.feed(letter)

        assert whole.startswith(sent)
        if stop.hit:
            break

    assert sent + stop.flush() == whole


@pytest.mark.parametrize(
    ("pieces", "strings", "sent"),
    [
        (["one", " two"], (), ["one", " two"]),
        (["one", " two"], ("",), ["one", " two"]),
        (["one\n", "\ntwo"], ("\n\n",), ["one", ""]),
        (["one\n", "two"], ("\n\n",), ["one", "\ntwo"]),
        (["aaab"], ("ab",), ["aa"]),
        (["xay"], ("xayz", "a"), ["x"]),
        (["E", "N", "D"], ("END",), ["", "", ""]),
    ],
)
def test_nothing_is_held_longer_than_needed(
    pieces: list[str], strings: tuple[str, ...], sent: list[str]
) -> None:
    """Only text that may begin a stop string is held back."""
    stop = StopStrings(strings)

    assert [stop.feed(piece) for piece in pieces] == sent
