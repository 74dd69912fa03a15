"""Documented fields of a transcription that are not honoured: refused by name, or ignored."""

from collections.abc import Mapping
from typing import Any

from backends.whisper_options import Decoding
from shim.parameters.refusals import refusal
from shim.parameters.rules import Refused, asks_for_something, plain
from shim.parameters.table import rules_at, wire_names

from .protocol import TranscriptionForm

PLACE = "transcription.TranscriptionForm"

ENGINE = "engine"
"""The namespace of engine options: `engine[beam_size]`; their plain names are taken as well."""

HONOURED = wire_names(TranscriptionForm) | wire_names(Decoding) | {"file", ENGINE}

RULES = rules_at(PLACE, HONOURED)

_OF_SAMPLING = ("seed", "top_p", "top_k", "min_p")
"""Fields that say nothing where no token is drawn."""


def refuse_unsupported(others: Mapping[str, Any], *, sampled: bool) -> tuple[str, ...]:
    """Return those of *others*, fields that are not honoured, which nobody documents.

    Raises UnsupportedParameter for the first that would change the answer; *sampled* says whether
    tokens may be drawn.
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
