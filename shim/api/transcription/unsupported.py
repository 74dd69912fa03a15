"""Refuses or ignores documented fields of a transcription that have no effect here."""

from collections.abc import Mapping
from typing import Any

from backends.whisper_options import Decoding
from shim.parameters.refusals import refusal
from shim.parameters.rules import Refused, asks_for_something, plain
from shim.parameters.table import rules_at, wire_names

from .json_body import MANY, WAYS
from .protocol import TranscriptionForm

PLACE = "transcription.TranscriptionForm"
"""The form's name in the table of documented parameters."""

ENGINE = "engine"
"""The field with engine options, such as `engine[beam_size]`; the plain names work as well."""

HONOURED = wire_names(TranscriptionForm) | wire_names(Decoding) | {*WAYS, MANY, ENGINE}
"""Names of fields that have an effect."""

RULES = rules_at(PLACE, HONOURED)
"""What becomes of the documented fields that have no effect, by name."""

_OF_SAMPLING = ("seed", "top_p", "top_k", "min_p")
"""Fields that only matter if tokens are drawn at random."""


def refuse_unsupported(others: Mapping[str, Any], *, sampled: bool) -> tuple[str, ...]:
    """Return the names in *others*, fields without effect here, that no known API documents.

    Raises UnsupportedParameter for the first documented one that would change the answer. *sampled*
    is true if tokens may be drawn at random.
    """
    unknown = []
    for name, value in others.items():
        match RULES.get(name):
            case None:
                unknown.append(name)
            case Refused() as rule if sampled or name not in _OF_SAMPLING:
                if asks_for_something(plain(value), rule):
                    raise refusal(name, rule)
    return tuple(unknown)
