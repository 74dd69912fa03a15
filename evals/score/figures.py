"""Finds numbers in a text, in English notation, as exact values.

A number may have a sign, groups of thousands, decimals and an exponent, or be a fraction: `-3`,
`1,234.50`, `.5`, `6e23`, `1/2`. A currency sign before it and a unit or per-cent sign behind it do
not count: `-$5`, `5 kg`, `5%` and `5th` are -5 and 5. A digit behind a letter (`x2`) is not a
number, and a hyphen behind a letter or a digit (`3-5`) is not a sign.
"""

import re
from collections import deque
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

_SIZE = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|(?<!\.)\.\d+"
# A value with a longer exponent would fill the memory.
_EXPONENT = r"(?:[eE][+-]?\d{1,3}(?!\d))?"
# Not a fraction: a date (1/2/2026), and what is divided by zero.
_UNDER = r"(?:/(0*[1-9]\d*)(?![\d/]|\.\d))?"
_NUMBER = re.compile(
    rf"(?<!\w)(?<!\d\.)([-+\N{{MINUS SIGN}}]?)[$€£¥₹]?((?:{_SIZE}){_EXPONENT}){_UNDER}"
)


class Number(NamedTuple):
    """A number, and the part of the text that it was read from."""

    value: Fraction
    text: str


def last_number(text: str) -> Number | None:
    """Return the last number in *text*, or None if it has no number."""
    every = deque(_NUMBER.finditer(text), maxlen=1)
    if not every:
        return None
    found = every[0]
    sign, over, under = found.groups()
    value = Fraction(Decimal(over.replace(",", ""))) / int(under or 1)
    return Number(-value if sign in {"-", "\N{MINUS SIGN}"} else value, found[0])
