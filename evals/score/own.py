"""Scorers of the user's own: a function in a Python file, called `module:function`.

    def score(target: str, answer: str, sample: dict) -> bool | float | tuple[float, float]

True and False are a right and a wrong answer, a number is the share from 0 to 1 that is right, and
a pair is a numerator and a denominator. *sample* has the keys of the sample's line or row.
"""

import hashlib
import importlib
import math
import sys
from collections.abc import Callable
from functools import cache
from numbers import Real
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from evals.dataset import Clip, Dialogue, Sample
from evals.failures import ScorerFailed
from evals.result import Answer, Tally


class OwnScorer(msgspec.Struct, frozen=True, kw_only=True):
    """A scorer of the user's own; *sha256* is of the file that has it, when it was loaded."""

    name: str
    function: Callable[[str, str, dict[str, Any]], Any]
    sha256: str

    def tally(self, sample: Sample, answer: Answer, normalise: Callable[[str], str]) -> Tally:
        """Return the tally of *answer*. Raises ScorerFailed, which names the sample."""
        target, text = normalise(sample.target), normalise(_said(answer))
        try:
            value = self.function(target, text, line(sample))
        except Exception as error:  # the user's own code may raise anything
            raise self._failed(sample, f"{type(error).__name__}: {error}") from error
        pair = _fraction(value)
        if pair is None:
            raise self._failed(
                sample,
                f"returned {value!r}; expected True, False, a number from 0 to 1, or a pair of"
                " numbers from 0",
            )
        return Tally(numerator=pair[0], denominator=pair[1], target=target, answer=text)

    def _failed(self, sample: Sample, fault: str) -> ScorerFailed:
        return ScorerFailed(f"the scorer {self.name}, at the sample {sample.id}: {fault}")


@cache
def load_scorer(name: str) -> OwnScorer:
    """Return the scorer `module:function`. Raises ScorerFailed if there is none.

    The module is found as by `python -m`: in the working directory first.
    """
    module_name, _, function_name = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # the user's own code may raise anything
        raise ScorerFailed(f"the scorer {name}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)
    function = getattr(module, function_name, None)
    file = getattr(module, "__file__", None)
    if not callable(function) or file is None:
        raise ScorerFailed(
            f"the scorer {name}: {module_name} has no function {function_name!r} in a file"
        )
    digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    return OwnScorer(name=name, function=function, sha256=digest)


def line(sample: Sample) -> dict[str, Any]:
    """Return the keys and values of the line or row that *sample* was read from."""
    fields = {name: getattr(sample, name) for name in sample.__struct_fields__}
    metadata = fields.pop("metadata")
    if isinstance(sample, Clip):
        fields["audio"] = str(sample.audio)
    if isinstance(sample, Dialogue):
        fields |= fields.pop("fields")
    return {**metadata, **fields}


def _said(answer: Answer) -> str:
    """Return the text of *answer*; of one without a text its calls of tools, as JSON."""
    if answer.text or not answer.tool_calls:
        return answer.text
    return msgspec.json.encode(answer.tool_calls).decode()


def _fraction(value: Any) -> tuple[float, float] | None:
    """Return *value* as numerator and denominator, or None if it is not a score."""
    pair = value if isinstance(value, tuple) else (value, 1)
    if len(pair) != len(("numerator", "denominator")):
        return None
    if not all(isinstance(one, Real | np.bool_) and 0 <= float(one) < math.inf for one in pair):
        return None
    if pair is not value and pair[0] > 1:
        return None
    # Of numpy's types too. Whole numbers stay whole, as they are counts.
    numerator, denominator = (int(one) if one == int(one) else float(one) for one in pair)
    return numerator, denominator
