"""A constraint has one grammar engine, in any order of requests; and what it admits, fits.

The engine's part alone, without a model: any token that the mask allows may be drawn.
"""

import json
import re
from collections.abc import Callable
from itertools import permutations
from typing import Any, NamedTuple

import pytest

from tests.backends.vllm.walk import draw, fresh, vocabulary
from tests.live import skip_without_vllm

skip_without_vllm()

# vLLM's own call of xgrammar.
pytestmark = pytest.mark.filterwarnings("ignore:max_rollback_tokens:DeprecationWarning")

SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Rome", "Oslo"]}, "days": {"type": "integer", "maximum": 9}},
    "required": ["city"],
    "additionalProperties": False,
}


class Constraint(NamedTuple):
    """A constraint, and how to see that a text satisfies it."""

    kind: str
    text: str
    fits: Callable[[str], object]


TAG = json.dumps(
    {"type": "structural_tag", "format": {"type": "json_schema", "json_schema": SCHEMA}}
)
CONSTRAINTS = [
    Constraint("REGEX", r"\p{L}+!", re.compile(r"[^\W\d_]+!").fullmatch),
    Constraint("CHOICE", '["red", "blue"]', ["red", "blue"].__contains__),
    Constraint("JSON", json.dumps(SCHEMA), lambda text: json.loads(text)["city"]),
    Constraint("STRUCTURAL_TAG", TAG, lambda text: json.loads(text)["city"]),
    Constraint("GRAMMAR", 'root ::= "yes" | "no"', ["yes", "no"].__contains__),
    Constraint("GRAMMAR", 'start: "yes" | "no"', ["yes", "no"].__contains__),
]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Load the tests' vocabulary."""
    return vocabulary()


@pytest.mark.parametrize("first", CONSTRAINTS, ids=lambda one: f"{one.kind}-{one.text[:8]}")
def test_whoever_comes_first(tokenizer: Any, first: Constraint) -> None:
    """After each of them each of the others is answered, and fits."""
    backend = fresh(tokenizer)

    for kind, text, fits in (first, *CONSTRAINTS):
        assert fits(draw(backend, kind, text, tokenizer, seed=7))


def test_any_order(tokenizer: Any) -> None:
    """Each order of three kinds gives the same texts."""
    some = CONSTRAINTS[0], CONSTRAINTS[3], CONSTRAINTS[4]

    results = set()
    for order in permutations(some):
        backend = fresh(tokenizer)
        texts = {one: draw(backend, one.kind, one.text, tokenizer, seed=3) for one in order}
        results.add(tuple(texts[one] for one in some))

    assert len(results) == 1
