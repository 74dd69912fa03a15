"""Reads a URL's query by the declared types of its fields."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from shim.errors import invalid

T = TypeVar("T")


def read_query(given: Mapping[str, str | None], kind: type[T]) -> T:
    """Return the query *given* as *kind*, a Struct; an empty field counts as left out.

    Raises InvalidParameter.
    """
    said = {name: value for name, value in given.items() if value}
    try:
        return msgspec.convert(said, kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error) from error
