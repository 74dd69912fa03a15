"""Numbers in a text: their exact values, and what is not one."""

from fractions import Fraction

import pytest

from evals.score.figures import last_number


def value(text: str) -> Fraction:
    """Return the last number's value."""
    found = last_number(text)
    assert found is not None
    return found.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is 42.", "42"),
        ("1,234.50", "1234.5"),
        ("1,234,567", "1234567"),
        ("1, 2, 3", "3"),
        ("12,34", "34"),
        ("-3", "-3"),
        ("\N{MINUS SIGN}3", "-3"),
        ("+3", "3"),
        ("10-3", "3"),
        ("10 - 3 = 7", "7"),
        ("x=-.5", "-0.5"),
        ("wait...42", "42"),
        ("1/2", "1/2"),
        ("-1/3", "-1/3"),
        ("1.5/3", "1/2"),
        ("8/0", "0"),
        ("1/2.5", "2.5"),
        ("$5", "5"),
        ("-$1,000", "-1000"),
        ("$-5", "-5"),
        ("5%", "5"),
        ("5 per cent", "5"),
        ("5kg", "5"),
        ("the 3rd", "3"),
        ("6e2 and 1E-2", "0.01"),
        ("\\boxed{42}", "42"),
        ("**42**", "42"),
        ("0.1", "1/10"),
        ("1e99999999", "1"),
        ("x2 is 4", "4"),
    ],
)
def test_the_last_number(text: str, expected: str) -> None:
    """Signs, groups of thousands, decimals, fractions and units, without an error of rounding."""
    assert value(text) == Fraction(expected)


@pytest.mark.parametrize("text", ["", "none", "x2", "v1.2", "forty-two", "."])
def test_no_number(text: str) -> None:
    """A digit in a name is not a number."""
    assert last_number(text) is None


def test_exact() -> None:
    """0.1 + 0.2 is 0.3, and a long number differs from the next one."""
    assert value("0.1") + value("0.2") == value("0.30")
    assert value("1" + "0" * 31) + 1 == value("1" + "0" * 30 + "1")
    assert value("9" * 5000) == Fraction(10**5000 - 1)


def test_a_long_text_is_read_fast() -> None:
    """Time grows with the length of the text, not with its square."""
    assert last_number("1,1/" * 100_000 + "x") is not None
    assert last_number("-$" * 200_000) is None
