"""Decodes JSON bodies and checks them against the limits, without connections or processes."""

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from shim.errors import InvalidParameter, invalid
from shim.limits import Limits
from shim.parameters.refusals import refuse_unknown, refuse_unknown_names, refuse_unsupported
from shim.parameters.table import names_of

from .charset import json_as_utf8
from .item_counts import refuse_too_many

T = TypeVar("T")


class Rules(Struct, frozen=True, kw_only=True):
    """How one body is decoded and checked."""

    limits: Limits
    strict: bool = False
    """Whether undocumented names are refused instead of ignored."""
    charset: str | None = None
    """The charset of the body's Content-Type; None if it has none."""


def decoded(body: bytes | bytearray, kind: type[T], rules: Rules) -> T:
    """Return *body* decoded as *kind*; a string is never converted to a number.

    Raises InvalidParameter for values that *kind* does not allow and for more values than the
    limits allow; UnsupportedParameter for parameters that are not honoured and would change the
    answer, and in strict mode for undocumented names; UnsupportedMedia for an unknown charset.
    """
    if not body:
        raise InvalidParameter("The request has no body.")
    body = json_as_utf8(body, rules.charset)
    refuse_values(body, rules.limits.json_values)
    value: T = _parsed(body, kind)
    if isinstance(value, Struct | dict):
        refuse_too_many(value, rules.limits, commas=body.count(b","))
    if isinstance(value, Struct):
        _check_names(body, type(value), strict=rules.strict)
    return value


def _check_names(body: bytes | bytearray, kind: type[Struct], *, strict: bool) -> None:
    """Raise UnsupportedParameter for a name that *body*, which is valid as *kind*, may not have."""

    def parse(derived: Any) -> Any:
        return msgspec.json.decode(body, type=derived)

    refuse_unsupported(parse, kind)
    if strict:
        # Raw: the values are not decoded a second time.
        refuse_unknown_names(parse(dict[str, msgspec.Raw]).keys() - names_of(kind))
        refuse_unknown(parse, kind)


def _parsed(body: bytes | bytearray, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise invalid(error) from error
    # UnicodeDecodeError: the bytes are not UTF-8; RecursionError: they are nested too deeply.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidParameter(f"The body could not be read as JSON: {error}.") from error


def refuse_values(body: bytes | bytearray, limit: int, *, param: str | None = None) -> None:
    """Raise InvalidParameter if the JSON text *body* has more than *limit* values.

    They are counted before any of them is decoded. A value is an item of a list or a member of an
    object; an empty list or object counts as one more. *param* is the field whose value *body* is,
    or None if it is a whole request.
    """
    if len(body) <= 2 * limit:  # the shortest value, with its comma, takes two bytes
        return
    # Without escaped quotation marks, all others begin or end a string.
    text = body.replace(rb"\\", b"").replace(rb"\"", b"")
    pieces = text.split(b'"', 4 * limit + 1)
    outside = b"".join(pieces[::2])
    values = sum(map(outside.count, (b",", b"[", b"{")))
    # A member has at most two strings, each with two quotation marks.
    if values > limit or len(pieces) > 4 * limit + 1:
        holder = "The body" if param is None else f"`{param}`"
        raise InvalidParameter(f"{holder} holds more than the {limit} values allowed.", param=param)
